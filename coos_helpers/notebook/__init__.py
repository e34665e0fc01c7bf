"""What only chapters need: a Colab machine made ready, and answers to exercises checked."""

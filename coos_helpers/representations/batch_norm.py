"""Batch normalisation as TensorFlow 1 did it, which DeepLoc was written in."""

from torch import nn


class BatchNorm(nn.BatchNorm1d):
    """Normalise x (n, width, ...) by batch, with the biased variance in the moving average.

    The constants are DeepLoc's: epsilon 1e-3, and a moving average that forgets half of what it knew in each step.
    """

    def __init__(self, width):
        super().__init__(width, eps=1e-3, momentum=0.5)

    def _check_input_dim(self, x):
        """Take any number of axes after the channels."""

    def forward(self, x):
        """Normalise x: by the batch in training, by the moving averages else."""
        before, n = self.running_var.clone(), x.numel() / x.shape[1]
        out = super().forward(x)
        if self.training:  # torch averages n / (n - 1) times the biased variance: take that back
            self.running_var = self.running_var * ((n - 1) / n) + before * ((1 - self.momentum) / n)
        return out

// A browser lets no page read another one from a folder, so there the search shows titles without excerpts.
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// On a phone a figure keeps a size at which its letters can be read, and scrolls in a box that the keyboard reaches.
document.addEventListener("DOMContentLoaded", function () {
  if (!window.matchMedia("(max-width: 576px)").matches) {
    return;
  }
  document.querySelectorAll(".bd-article figure > img").forEach(function (image) {
    var box = document.createElement("div");
    box.className = "figure-box";
    box.tabIndex = 0;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", "figure, scrolls sideways");
    image.replaceWith(box);
    box.append(image);
  });
});

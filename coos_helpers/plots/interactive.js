(function () {
  "use strict";

  function place(cell, column, row) {
    cell.style.setProperty("--column", column);
    cell.style.setProperty("--row", row);
  }

  function severity(figure, data) {
    var slider = figure.querySelector("input"), state = figure.querySelector(".coos-state");
    var cells = figure.querySelectorAll(".coos-cell"), rows = figure.querySelectorAll("table tr");
    var ring = figure.querySelector(".coos-here");
    var most = Math.max.apply(null, data.moved.map(function (row) { return Math.max.apply(null, row.map(Math.abs)); })) || 1;

    function show() {
      var at = Number(slider.value), error = data.errors[at];
      slider.setAttribute("aria-valuetext", data.steps[at]);
      state.textContent = "Severity " + data.steps[at] + ": balanced error " + error[0].toFixed(1) +
        " % (95 % interval " + error[1].toFixed(1) + " to " + error[2].toFixed(1) + ").";
      cells.forEach(function (cell, n) {
        place(cell, n, at);
        cell.setAttribute("aria-label", data.classes[n] + " cell, severity " + data.steps[at]);
      });
      rows.forEach(function (row, n) {
        var value = data.moved[at][n], bar = row.querySelector(".coos-bar");
        bar.style.setProperty("--from", Math.min(value, 0) / most);
        bar.style.setProperty("--to", Math.max(value, 0) / most);
        row.querySelector(".coos-number").textContent = (value < 0 ? "" : "+") + value.toFixed(2);
      });
      ring.setAttribute("cx", data.points[at][0]);
      ring.setAttribute("cy", data.points[at][1]);
    }

    slider.addEventListener("input", show);
    show();
  }

  function confusion(figure, data) {
    var chooser = figure.querySelector("select"), sections = figure.querySelectorAll("section");

    function open(section, button) {
      var entry = data[section.dataset.split][button.dataset.pair], list = section.querySelector("ul");
      section.querySelectorAll("button").forEach(function (other) {
        other.setAttribute("aria-pressed", other === button);
        other.tabIndex = other === button ? 0 : -1;
      });
      section.querySelector(".coos-state").textContent = entry.said + (entry.cells.length ?
        ". The cells of which the model was surest:" : ". There are no pictures of them here.");
      list.replaceChildren.apply(list, entry.cells.map(function (shown) {
        var item = document.createElement("li"), cell = document.createElement("span");
        cell.className = "coos-cell";
        cell.setAttribute("role", "img");
        cell.setAttribute("aria-label", "cell, probability of the wrong answer " + shown[1]);
        place(cell, shown[0] % 12, Math.floor(shown[0] / 12));
        item.append(cell, shown[1]);
        return item;
      }));
    }

    function move(section, button, event) {
      var steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!steps) { return; }
      event.preventDefault();
      var at = button.dataset.pair.split("-").map(Number), size = section.querySelectorAll("tbody tr").length, next;
      for (var n = 1; n < size && !next; n += 1) {
        next = section.querySelector('[data-pair="' + (at[0] + n * steps[0]) + "-" + (at[1] + n * steps[1]) + '"]');
      }
      if (!next) {  // nothing lies on the line: by reading order, so that every button can be reached
        var buttons = Array.from(section.querySelectorAll("button"));
        next = buttons[buttons.indexOf(button) + steps[0] + steps[1]];
      }
      if (next) {
        button.tabIndex = -1;
        next.tabIndex = 0;
        next.focus();
      }
    }

    function show() {
      sections.forEach(function (section) { section.hidden = section.dataset.split !== chooser.value; });
    }

    sections.forEach(function (section) {
      var buttons = section.querySelectorAll("button"), first = section.querySelector('[aria-pressed="true"]');
      buttons.forEach(function (button) {
        button.tabIndex = button === (first || buttons[0]) ? 0 : -1;
        button.addEventListener("click", function () { open(section, button); });
        button.addEventListener("keydown", function (event) { move(section, button, event); });
      });
    });
    chooser.addEventListener("change", show);
    show();
  }

  document.querySelectorAll(".coos-figure:not(.coos-live)").forEach(function (figure) {
    var data = JSON.parse(figure.querySelector("script").textContent);
    figure.classList.add("coos-live");
    figure.querySelector(".coos-control").hidden = false;
    (figure.dataset.kind === "severity" ? severity : confusion)(figure, data);
  });
})();

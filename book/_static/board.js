// A column of the board sorts its table when its head is pressed, again the other way round; without scripts all is shown.
document.addEventListener("DOMContentLoaded", function () {
  document.querySelectorAll("table.sortable thead th").forEach(function (head) {
    var button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", function () {
      var down = head.getAttribute("aria-sort") === "ascending";
      var body = head.closest("table").tBodies[0];
      var value = function (row) {
        var cell = row.cells[head.cellIndex];
        return cell.dataset.sort === undefined ? cell.textContent : cell.dataset.sort;
      };
      var rows = Array.from(body.rows).sort(function (one, other) {
        var a = value(one), b = value(other);
        if (a === "" || b === "") {
          return (a === "") - (b === ""); // what is missing stays last
        }
        var order = isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
        return down ? -order : order;
      });
      body.append(...rows);
      head.parentNode.querySelectorAll("th").forEach(function (other) {
        other.removeAttribute("aria-sort");
      });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
    });
  });
});

// Tables that sort by a click on the head of a column, and a report that names the section in view.
document.addEventListener("DOMContentLoaded", () => {
  const number = text => (/^[-+\u2212]?[\d.,]+%?$/.test(text.trim()) ? parseFloat(text.replace(/[,%]/g, "").replace("\u2212", "-")) : NaN);
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach(other => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows].sort((a, b) => {
          const [x, y] = [a, b].map(row => row.cells[place].textContent);
          const difference = isNaN(number(x)) || isNaN(number(y)) ? x.localeCompare(y) : number(x) - number(y);
          return down ? -difference : difference;
        });
        table.tBodies[0].append(...rows);
      });
    });
  }
  // What the theme leaves out for screen readers and for the keyboard.
  document.querySelectorAll('[role="heading"]:not([aria-level])').forEach(heading => heading.setAttribute("aria-level", "2"));
  document.querySelectorAll("pre, .table-wrapper, .cell_output table").forEach(box => box.setAttribute("tabindex", "0"));
  for (const link of document.querySelectorAll("[data-report]")) {
    link.addEventListener("click", () => {
      const seen = [...document.querySelectorAll("section[id]")].filter(section => section.getBoundingClientRect().top < innerHeight / 2).pop();
      const body = `Page: ${link.dataset.page}\nSection: ${seen ? seen.id : ""}\n\nWhat it says:\n\nWhat it should say, and where that can be read:\n`;
      link.href = `${link.dataset.report}?title=${encodeURIComponent(`Mistake in ${link.dataset.page}`)}&body=${encodeURIComponent(body)}`;
    });
  }
});

const filter = document.getElementById("filter");
if (filter) {
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    for (const site of document.querySelectorAll(".site")) {
      site.hidden = !site.querySelector("summary").textContent.toLowerCase().includes(wanted);
    }
  });
}

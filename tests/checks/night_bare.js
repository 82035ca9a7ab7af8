// Numbers that stand alone, each with the head of its column or the words beside it, for a person to judge.
() => [...document.querySelectorAll('td, dd, strong, .figure, b, .says-figure')]
  .filter((one) => one.checkVisibility() && /^[−+\-]?\d[\d\s.,]*$/.test(one.textContent.trim()))
  .filter((one) => !one.closest('.leaflet-container, [data-count], .count'))
  .map((one) => {
    const head = one.closest('table')?.querySelectorAll('thead th')[one.cellIndex]?.textContent ?? one.previousElementSibling?.textContent ?? one.parentElement.textContent;
    return `${one.textContent.trim()} · ${head.trim().replace(/\s+/g, ' ').slice(0, 80)}`;
  })

// What axe-core finds against WCAG 2.2 AA.
async () => {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const { violations } = await axe.run(document, { runOnly: tags });
  // A pin stands where it happened, however near its neighbour: that is what a map is for, and each pin's incident is
  // in the lists too (the exceptions "essential" and "equivalent" of success criterion 2.5.8).
  const onMap = (node) => node.target.some((at) => document.querySelector(at)?.closest('.leaflet-marker-pane'));
  return violations.flatMap((one) => one.nodes
    .filter((node) => one.id !== 'target-size' || !onMap(node))
    .map((node) => `${one.id}: ${one.help}: ${node.html.slice(0, 120)}`));
}

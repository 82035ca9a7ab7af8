// What is wrong with the page as it stands: a list of sentences, empty where nothing is.
() => {
  const found = [];
  const page = document.documentElement;
  const where = (one) => {
    const name = one.className && one.className.baseVal === undefined ? `.${String(one.className).trim().replace(/\s+/g, '.')}` : '';
    return `${one.tagName.toLowerCase()}${name} "${(one.textContent ?? '').trim().replace(/\s+/g, ' ').slice(0, 60)}"`;
  };
  const aside = (one) => { for (let at = one; at; at = at.parentElement) { if (getComputedStyle(at).clipPath === 'inset(50%)') return true; } return false; };
  const shown = (one) => one.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && one.getClientRects().length > 0 && !aside(one);
  if (page.scrollWidth > page.clientWidth) found.push(`the page is ${page.scrollWidth} px wide in ${page.clientWidth}`);
  const scrolls = (one) => { for (let at = one.parentElement; at; at = at.parentElement) { if (/auto|scroll/.test(getComputedStyle(at).overflowX) && at.scrollWidth > at.clientWidth) return true; } return false; };
  for (const one of document.querySelectorAll('body *')) {
    if (one.closest('.leaflet-container, svg, noscript, option, .unseen') || !shown(one)) continue;
    const style = getComputedStyle(one);
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const wide = one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0 && style.display !== 'inline';
    if (/^(td|th)$/i.test(one.tagName) && wide) found.push(`a cell overflows: ${where(one)}`);
    else if (wide && one.textContent.trim() && /hidden|clip/.test(style.overflowX) && !(style.textOverflow === 'ellipsis' && one.closest('[title]'))) found.push(`cut off: ${where(one)}`);
    if (own && /hidden|clip/.test(style.overflowY) && one.scrollHeight > one.clientHeight + 3 && style.textOverflow !== 'ellipsis') found.push(`cut off below: ${where(one)}`);
    if (!own) continue;
    const box = one.getBoundingClientRect();
    if ((box.right > innerWidth + 1 || box.left < -1) && !scrolls(one)) found.push(`outside the page: ${where(one)}`);
    const text = [...one.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent).join(' ').trim();
    if (/\b(undefined|NaN|null)\b|\[object/.test(text)) found.push(`says ${text.slice(0, 80)}`);
    if (/^[a-z]+(\.[a-z_]+)+$/.test(text) && !/json$/.test(text) && !one.closest('code, input, textarea')) found.push(`a word is missing: ${text}`);
    if (/\{[a-z_]+\}/.test(text) && !one.closest('code')) found.push(`an open place in a sentence: ${text.slice(0, 80)}`);
  }
  return [...new Set(found)];
}

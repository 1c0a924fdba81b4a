// A grouped bar chart as SVG: a group per measure, a bar per row, the figure at the end of each bar.

const COLOURS = ['#8d99ae', '#577590', '#d1495b', '#66a182', '#edae49'];
const BAR = 16;
const GAP = 14;
const LEFT = 230;
const WIDTH = 760;

const escape = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/**
 * @param rows [{ name, figures: number[] }]
 * @param groups names of the figures
 * @param unit said below
 */
export function bars(rows, groups, unit) {
  const most = Math.max(...rows.flatMap(({ figures }) => figures).filter(Number.isFinite));
  const scale = (WIDTH - LEFT - 70) / most;
  const parts = [];
  let y = 40 + GAP;
  rows.forEach(({ name }, index) => {
    const x = 10 + index * 150;
    parts.push(`<rect x="${x}" y="12" width="12" height="12" fill="${COLOURS[index % COLOURS.length]}"/><text x="${x + 17}" y="23">${escape(name)}</text>`);
  });
  groups.forEach((group, column) => {
    parts.push(`<text x="${LEFT - 10}" y="${y + (rows.length * BAR) / 2 + 4}" text-anchor="end">${escape(group)}</text>`);
    rows.forEach(({ figures }, index) => {
      const figure = figures[column];
      if (!Number.isFinite(figure)) return;
      parts.push(`<rect x="${LEFT}" y="${y}" width="${(figure * scale).toFixed(1)}" height="${BAR - 3}" fill="${COLOURS[index % COLOURS.length]}"/><text x="${(LEFT + figure * scale + 5).toFixed(1)}" y="${y + BAR - 5}">${Number.isInteger(figure) ? figure : figure.toFixed(1)}</text>`);
      y += BAR;
    });
    y += GAP;
  });
  parts.push(`<text x="${LEFT}" y="${y + 10}">${escape(unit)}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 24}" font-family="sans-serif" font-size="12" fill="#222"><rect width="100%" height="100%" fill="#fff"/>${parts.join('')}</svg>\n`;
}

/** An element: its name, attributes and what is in it. */
export interface Element {
  name: string;
  attributes: Record<string, string>;
  children: (Element | string)[];
}

const NAME = '[A-Za-z_:][-A-Za-z0-9_:.]*';
const ATTRIBUTE = new RegExp(String.raw`\s+(${NAME})="([^"<]*)"`, 'y');
const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

/**
 * Reads the XML that the reports use, and nothing else: every tag closed, every attribute double-quoted and once,
 * every `&` one of five entities, no character that XML 1.0 forbids, one root.
 * @throws Error that says where it is not well-formed
 */
export function parseMarkup(text: string): Element {
  const forbidden = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u.exec(text);
  if (forbidden) throw new Error(`forbidden character at ${String(forbidden.index)}`);
  const root: Element = { name: '', attributes: {}, children: [] };
  const open: Element[] = [root];
  let at = /^(<\?xml [^?]*\?>\n|<!DOCTYPE html>\n)?/.exec(text)?.[0].length ?? 0;
  const fail = (why: string): never => {
    throw new Error(`${why} at ${JSON.stringify(text.slice(at, at + 60))}`);
  };
  while (at < text.length) {
    const inner = open.at(-1) ?? fail('no element');
    if (text[at] !== '<') {
      const end = text.indexOf('<', at);
      const characters = text.slice(at, end === -1 ? undefined : end);
      if (characters.includes(']]>')) fail(']]> in text');
      if (inner === root && characters.trim() !== '') fail('text outside of the root');
      inner.children.push(decode(characters, fail));
      at += characters.length;
    } else if (text.startsWith('</', at)) {
      const [tag, name] = new RegExp(`^</(${NAME})>`).exec(text.slice(at)) ?? fail('a broken end tag');
      if (name !== inner.name) fail(`</${String(name)}> ends <${inner.name}>`);
      open.pop();
      at += tag.length;
    } else {
      const [tag, name = ''] = new RegExp(`^<(${NAME})`).exec(text.slice(at)) ?? fail('a broken tag');
      at += tag.length;
      const element: Element = { name, attributes: {}, children: [] };
      ATTRIBUTE.lastIndex = at;
      for (let found = ATTRIBUTE.exec(text); found; found = ATTRIBUTE.exec(text)) {
        const [whole, key = '', value = ''] = found;
        if (key in element.attributes) fail(`${key} twice`);
        element.attributes[key] = decode(value, fail);
        at += whole.length;
      }
      const [end] = /^\s*\/?>/.exec(text.slice(at, at + 20)) ?? fail('a broken tag');
      at += end.length;
      inner.children.push(element);
      if (!end.includes('/')) open.push(element);
    }
  }
  if (open.length > 1) fail(`<${open.at(-1)?.name ?? ''}> stays open`);
  const roots = root.children.filter((child): child is Element => typeof child !== 'string');
  if (roots.length !== 1) fail('not one root');
  return roots[0] ?? fail('no root');
}

function decode(text: string, fail: (why: string) => never): string {
  return text.replaceAll(/&([^;\s]*;?)/g, (_, reference: string) => ENTITIES[reference.replace(/;$/, '')] ?? fail(`unknown entity ${reference}`));
}

/** All elements of that name, in document order. */
export function all(element: Element, name: string): Element[] {
  return element.children.flatMap((child) => (typeof child === 'string' ? [] : [...(child.name === name ? [child] : []), ...all(child, name)]));
}

/** The text of an element and of all in it. */
export function textOf(element: Element): string {
  return element.children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');
}

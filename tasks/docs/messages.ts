import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';
import { packageRoot } from '../lib/paths.js';
import { CODES, codeNames } from './codes.js';
import { cell, sentence, table } from './markdown.js';

/** The part of docs/TROUBLESHOOTING.md with every foreseen failure, from the sources, by code. */

export interface Message {
  code: string;
  /** With … for what is filled in. Several when the text depends on something. */
  what: string[];
  fix: string[];
  /** Below tasks/. */
  file: string;
}

/** The texts an expression can be, as far as they stand in the source; what is filled in is …, unless its own texts are known. */
function texts(node: ts.Expression): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isConditionalExpression(node)) return [...texts(node.whenTrue), ...texts(node.whenFalse)];
  if (ts.isParenthesizedExpression(node)) return texts(node.expression);
  if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) return texts(node.body);
  if (ts.isTemplateExpression(node)) return [node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('')];
  return [];
}

function messages(source: ts.SourceFile, file: string): Message[] {
  const found: Message[] = [];
  const add = (codes: ts.Expression, what: ts.Expression, fix: ts.Expression | undefined): void => {
    for (const code of texts(codes)) if (code in CODES && texts(what).length > 0) found.push({ code, what: texts(what), fix: fix === undefined ? [] : texts(fix), file });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isObjectLiteralExpression(node)) {
      const value = (name: string): ts.Expression | undefined => {
        const property = node.properties.find((each) => each.name?.getText(source) === name);
        return property && ts.isPropertyAssignment(property) ? property.initializer : undefined;
      };
      const what = value('what');
      const codes = value('code');
      if (what !== undefined && codes !== undefined) add(codes, what, value('fix'));
    }
    // A function that makes them: of('busy', what, fix).
    if (ts.isCallExpression(node)) {
      const [code, what, fix] = node.arguments;
      if (code !== undefined && ts.isStringLiteral(code) && what !== undefined) add(code, what, fix);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

export async function allMessages(): Promise<Message[]> {
  const root = join(packageRoot, 'tasks');
  const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('.ts') && !file.startsWith('docs/')).sort();
  const found = await Promise.all(files.map(async (file) => messages(ts.createSourceFile(file, await readFile(join(root, file), 'utf8'), ts.ScriptTarget.ES2022, true), file)));
  return found.flat();
}

export async function messageReference(): Promise<string> {
  const found = await allMessages();
  const sections = codeNames.map((code) => {
    const rows = found.filter((message) => message.code === code).map(({ what, fix }) => [what.map(cell).join('<br>'), fix.map(cell).join('<br>')]);
    return [`### ${code}`, sentence(CODES[code]), ...(rows.length > 0 ? [table(['message', 'what to do'], rows)] : [])].join('\n\n');
  });
  return sections.join('\n\n');
}

/**
 * A post's Markdown as elements: marked reads, we build. No HTML is ever parsed, so nothing a colleague
 * writes can become a script; HTML in a post is shown as the text it is. Each block finds its own
 * direction; code always runs left to right.
 */

import { Lexer, type Token, type Tokens } from "marked";
import type { ComponentChild, ComponentChildren, JSX } from "preact";
import { useMemo } from "preact/hooks";

import { decodeEntities, safeAddress } from "./safe.ts";
import { Words } from "./words.tsx";

/** What of a post decides how its marks become elements. */
interface Context {
  mentions: readonly string[];
  /** Our own origin: links to it stay in the page. */
  origin: string;
  /** The level of each heading's element. */
  levels: ReadonlyMap<Token, number>;
}

interface Props {
  text: string;
  mentions: readonly string[];
  /** The level of the heading above the text: its own ones come below it, without a gap. */
  below: number;
  /** The language the author named. */
  lang?: string;
}

export function Markdown({ text, mentions, below, lang }: Props) {
  const shown = useMemo(() => markdownBlocks(text, mentions, window.location.origin, below), [text, mentions, below]);
  return <div class="prose" lang={lang}>{shown}</div>;
}

/** The elements of a text. Pure. */
export function markdownBlocks(text: string, mentions: readonly string[], origin: string, below: number): ComponentChildren {
  const tokens = new Lexer({ gfm: true, breaks: true }).lex(text);
  return blocks(tokens, { mentions, origin, levels: levelsOf(tokens, below) });
}

/** Writers begin with any number of # and skip some: an outline for the ear may not. */
function levelsOf(tokens: readonly Token[], below: number): Map<Token, number> {
  const headings = tokens.filter((token): token is Tokens.Heading => token.type === "heading");
  const depths = [...new Set(headings.map((heading) => heading.depth))].toSorted();
  const levels = new Map<Token, number>();
  let last = below;
  for (const heading of headings) {
    last = Math.min(6, last + 1, below + 1 + depths.indexOf(heading.depth));
    levels.set(heading, last);
  }
  return levels;
}

function blocks(tokens: readonly Token[], context: Context): ComponentChildren {
  return tokens.map((token, index) => <Block key={index} token={token} context={context} />);
}

function Block({ token, context }: { token: Token; context: Context }): JSX.Element | null {
  const inside = (): ComponentChildren => inlines(token, context);
  switch (token.type) {
    case "heading": {
      const level = context.levels.get(token);
      // One inside a quotation or a list belongs to no outline.
      if (level === undefined) return <p dir="auto"><strong>{inside()}</strong></p>;
      const Heading = `h${level}` as "h3";
      return <Heading dir="auto">{inside()}</Heading>;
    }
    case "paragraph":
      return <p dir="auto">{inside()}</p>;
    case "text":
      return <span dir="auto">{inside()}</span>;
    case "blockquote":
      return <blockquote dir="auto">{blocks((token as Tokens.Blockquote).tokens, context)}</blockquote>;
    case "code":
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls sideways must be reached by keys (WCAG 2.1.1)
      return <pre dir="ltr" tabIndex={0}><code>{(token as Tokens.Code).text}</code></pre>;
    case "list":
      return <List token={token as Tokens.List} context={context} />;
    case "table":
      return <Table token={token as Tokens.Table} context={context} />;
    case "hr":
      return <hr />;
    case "html":
      return <p dir="auto">{token.raw.trim()}</p>;
    default:
      return null;
  }
}

function List({ token, context }: { token: Tokens.List; context: Context }) {
  const items = token.items.map((item, index) => (
    <li key={index} dir="auto" class={item.task ? "task" : ""}>
      {item.task && <span aria-hidden="true">{item.checked ? "☑ " : "☐ "}</span>}
      {blocks(item.tokens.filter((part) => part.type !== "checkbox"), context)}
    </li>
  ));
  return token.ordered ? <ol start={token.start === "" ? 1 : token.start}>{items}</ol> : <ul>{items}</ul>;
}

function Table({ token, context }: { token: Tokens.Table; context: Context }) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls sideways must be reached by keys (WCAG 2.1.1)
    <div class="table" tabIndex={0}>
      <table>
        <thead>
          <tr>{token.header.map((cell, index) => <th key={index} scope="col" dir="auto">{inlinesOf(cell.tokens, context)}</th>)}</tr>
        </thead>
        <tbody>
          {token.rows.map((row, index) => (
            <tr key={index}>{row.map((cell, column) => <td key={column} dir="auto">{inlinesOf(cell.tokens, context)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function inlines(token: Token, context: Context): ComponentChildren {
  const { tokens } = token as { tokens?: Token[] };
  return tokens ? inlinesOf(tokens, context) : plain(token, 0, context);
}

function inlinesOf(tokens: readonly Token[], context: Context): ComponentChildren {
  return tokens.map((token, index) => inline(token, index, context));
}

function plain(token: Token, key: number, context: Context): ComponentChild {
  const { text } = token as { text?: string };
  return <Words key={key} text={decodeEntities(text ?? token.raw)} mentions={context.mentions} />;
}

function inline(token: Token, key: number, context: Context): ComponentChild {
  const inside = (): ComponentChildren => inlines(token, context);
  switch (token.type) {
    case "strong":
      return <strong key={key}>{inside()}</strong>;
    case "em":
      return <em key={key}>{inside()}</em>;
    case "del":
      return <del key={key}>{inside()}</del>;
    case "codespan":
      return <code key={key} dir="ltr">{(token as Tokens.Codespan).text}</code>;
    case "br":
      return <br key={key} />;
    case "link":
      return <Link key={key} href={(token as Tokens.Link).href} origin={context.origin}>{inside()}</Link>;
    case "image":
      // Pictures of other sites are not fetched: they would tell those sites who reads here.
      return <Link key={key} href={(token as Tokens.Image).href} origin={context.origin}>{(token as Tokens.Image).text || (token as Tokens.Image).href}</Link>;
    case "html":
      return token.raw;
    default:
      return plain(token, key, context);
  }
}

function Link({ href, origin, children }: { href: string; origin: string; children: ComponentChildren }) {
  const address = safeAddress(decodeEntities(href), origin);
  if (address === null) return <>{children}</>;
  if (address.startsWith("/")) return <a href={address}>{children}</a>;
  return <a href={address} target="_blank" rel="noopener noreferrer nofollow">{children}</a>;
}

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

/** The view has the h1, the post's title the h2. */
const FIRST_HEADING = 3;

export function Markdown({ text, mentions }: { text: string; mentions: readonly string[] }) {
  const tokens = useMemo(() => new Lexer({ gfm: true, breaks: true }).lex(text), [text]);
  return <div class="prose">{blocks(tokens, mentions)}</div>;
}

function blocks(tokens: readonly Token[], mentions: readonly string[]): ComponentChildren {
  return tokens.map((token, index) => <Block key={index} token={token} mentions={mentions} />);
}

function Block({ token, mentions }: { token: Token; mentions: readonly string[] }): JSX.Element | null {
  const inside = (): ComponentChildren => inlines(token, mentions);
  switch (token.type) {
    case "heading": {
      const Heading = `h${Math.min(6, FIRST_HEADING - 1 + (token as Tokens.Heading).depth)}` as "h3";
      return <Heading dir="auto">{inside()}</Heading>;
    }
    case "paragraph":
      return <p dir="auto">{inside()}</p>;
    case "text":
      return <span dir="auto">{inside()}</span>;
    case "blockquote":
      return <blockquote dir="auto">{blocks((token as Tokens.Blockquote).tokens, mentions)}</blockquote>;
    case "code":
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls sideways must be reached by keys (WCAG 2.1.1)
      return <pre dir="ltr" tabIndex={0}><code>{(token as Tokens.Code).text}</code></pre>;
    case "list":
      return <List token={token as Tokens.List} mentions={mentions} />;
    case "table":
      return <Table token={token as Tokens.Table} mentions={mentions} />;
    case "hr":
      return <hr />;
    case "html":
      return <p dir="auto">{token.raw.trim()}</p>;
    default:
      return null;
  }
}

function List({ token, mentions }: { token: Tokens.List; mentions: readonly string[] }) {
  const items = token.items.map((item, index) => (
    <li key={index} dir="auto" class={item.task ? "task" : ""}>
      {item.task && <span aria-hidden="true">{item.checked ? "☑ " : "☐ "}</span>}
      {blocks(item.tokens.filter((part) => part.type !== "checkbox"), mentions)}
    </li>
  ));
  return token.ordered ? <ol start={token.start === "" ? 1 : token.start}>{items}</ol> : <ul>{items}</ul>;
}

function Table({ token, mentions }: { token: Tokens.Table; mentions: readonly string[] }) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls sideways must be reached by keys (WCAG 2.1.1)
    <div class="table" tabIndex={0}>
      <table>
        <thead>
          <tr>{token.header.map((cell, index) => <th key={index} scope="col" dir="auto">{inlinesOf(cell.tokens, mentions)}</th>)}</tr>
        </thead>
        <tbody>
          {token.rows.map((row, index) => (
            <tr key={index}>{row.map((cell, column) => <td key={column} dir="auto">{inlinesOf(cell.tokens, mentions)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function inlines(token: Token, mentions: readonly string[]): ComponentChildren {
  const { tokens } = token as { tokens?: Token[] };
  return tokens ? inlinesOf(tokens, mentions) : plain(token, mentions);
}

function inlinesOf(tokens: readonly Token[], mentions: readonly string[]): ComponentChildren {
  return tokens.map((token, index) => inline(token, index, mentions));
}

function plain(token: Token, mentions: readonly string[]): ComponentChild {
  const { text } = token as { text?: string };
  return <Words text={decodeEntities(text ?? token.raw)} mentions={mentions} />;
}

function inline(token: Token, key: number, mentions: readonly string[]): ComponentChild {
  const inside = (): ComponentChildren => inlines(token, mentions);
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
      return <Link key={key} href={(token as Tokens.Link).href}>{inside()}</Link>;
    case "image":
      // Pictures of other sites are not fetched: they would tell those sites who reads here.
      return <Link key={key} href={(token as Tokens.Image).href}>{(token as Tokens.Image).text || (token as Tokens.Image).href}</Link>;
    case "html":
      return token.raw;
    default:
      return <span key={key}>{inside()}</span>;
  }
}

function Link({ href, children }: { href: string; children: ComponentChildren }) {
  const address = safeAddress(decodeEntities(href), window.location.origin);
  if (address === null) return <>{children}</>;
  if (address.startsWith("/")) return <a href={address}>{children}</a>;
  return <a href={address} target="_blank" rel="noopener noreferrer nofollow">{children}</a>;
}

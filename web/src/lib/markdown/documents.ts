// What tests and benches read: whole answers, and pieces of which random ones are made.

/** Answers that hold what is hard to parse while it comes. */
export const documents: Record<string, string> = {
  lists: `Intro
- one
- two
  - nested
    1. deep
    2. deeper

       with a paragraph
- three

  loose now

- four
1. not the same list
2) nor this

10. starts at ten
11. goes on

    \`\`\`py
    print("in an item")

    print("still")
    \`\`\`
12. last

* * *

- [ ] open
- [x] done
- [X] **done** too
-
- after an empty one
lazy line

+ plus

      indented code in an item

text after
- a

b

- c

2
2. two
`,
  tables: `| a | b |
|---|:-:|
| 1 | **2** |
| \`x|y\` | z \\| w |
| only one

no | table
here | it is not

a | b
-|-
1 | 2
# interrupts
| h |
|---|

|x|y|
|:-|-:|
|[l](https://e.com)|![i](https://e.com/i.png)|
> quote

text | with
--- | ---
`,
  headings: `Title
=====

Two
lines
-----

# One #
## Two ##
####### seven
#no

Not yet
---
text
***
- item
---
> quote
===
a
= b
`,
  definitions: `See [one], [two][], [the *third*][three], ![pic][four] and [none].

A note[^a], another[^b] and [^missing]. Again[^a].

> In a quote [one] and [^c].

- in a list [one]
- [x] [two]

| [one] | [^b] |
|---|---|
| [two] | x |

[one]: https://example.com/1
[TWO]: <https://example.com/2> "title"
[three]: https://example.com/3
  'a title'
[four]: https://example.com/4.png

[one]: https://example.com/ignored

[^b]: Second, with [^c] inside.
[^a]: First
    goes on

    in *paragraphs*

    - and lists [three]
[^c]: Third
lazy

> [five]: https://example.com/5

Late [five] [six].

- [six]: https://example.com/6

Text
[seven]: https://example.com/7

[seven] and [^a] and [eight

x]

[eight
x]: https://example.com/8

[nine]: https://example.com/9
"a title

that is not"

[nine]
`,
  html: `<div class="x">

**bold** in it

</div>
<script>alert(1)</script>

Text <b>b</b> and <br> and <!-- comment

still --> here <?php ?> <![CDATA[x]]> <a href="*x*">y</a>

<p>one
<p>two
- <b>item</b>

1 < 2 && 3 > 2 <https://example.com> <mailto:a@b.co> <a@b.co> <javascript:x>
`,
  code: `\`\`\`js
let a = 1;

// blank above
\`\`\`
text
~~~
tilde \`\`\`
~~~~

\`\`\`\`md
\`\`\`
inner
\`\`\`
\`\`\`\`

    indented

    code

para
    not code
\`\`\` not a fence \`\`\`

  \`\`\`ts title="x"
  shifted
    more
  \`\`\`

> \`\`\`
> quoted
> \`\`\`

inline \`\` a\`b \`\` and \`open

\`\`\`
never closed
- no list
`,
  formulas: `Inline $x^2$, \\(a_b\\), $$c$$ and \\[d\\], but $5 and $10.

$$
\\frac{a}{b}
- c
= d
$$

Text:
$$ e $$
more \\[
f
\\]

- item $g$
  $$
  h
  $$

*em $a*b$ em* and \\$ no \\$ and $ no $

$$ broken

by a blank line $$

\\[ open
`,
  quotes: `> one
two
> three
>
> - list
>   more
lazy

> > nested
> back
>
> # heading
> \`\`\`
> code
not code

>text
>    more
`,
  inline: `**bold *both* bold** __under__ _em_ ***all*** ~~gone~~ ~one~ **open
*a **b* c** snake_case_word 2*3*4 \\*no\\* &amp; &#35; &copy; &nope; &#x202e;
hard  
break\\
and [link](https://e.com "t") [a [b](https://e.com/b) c](https://e.com/c)
[[1]](https://e.com/1) ![alt *x*](https://e.com/i.png) [bad](javascript:alert(1))
www.example.com https://example.com/a_(b). me@example.com http://localhost
[](https://empty.example) [x](<https://e.com/a b>) [y](https://e.com/a b)
`,
  newlines:
    'one\r\ntwo\rthree\r\n\r\n- a\r\n- b\r\n\r\n```\r\ncode\r\n```\r\n\r\n|a|\r\n|-|\r\n|b|\r\n',
  characters:
    'emoji 👩🏽‍🚀 🇮🇳 e\u0301 \ud83d alone \udc00 back\u0000 \u202e turned\n\n- 👍🏽\n\n`\ud83d`\n\n한글 العربية\u200f ẞ [ẞ]\n\n[SS]: https://e.com\n',
};

/** Pieces that begin, end or turn round what stands before them. */
export const pieces: readonly string[] = [
  '\n',
  '\n\n',
  '\n \n',
  '\r\n',
  '\t',
  '    ',
  '  ',
  ' ',
  '- ',
  '* ',
  '1. ',
  '2. ',
  '> ',
  '# ',
  '---',
  '===',
  '```',
  '~~~',
  '```js\n',
  '|a|b|',
  '|-|-|',
  '|',
  '$$',
  '$',
  '\\[',
  '\\]',
  '\\(',
  '\\)',
  '[a]',
  '[a]: https://e.com/a',
  '[b][a]',
  '[^n]',
  '[^n]: note',
  '[^m]: [^n] [a]',
  '![',
  '](',
  ')',
  '**',
  '*',
  '_',
  '~~',
  '`',
  '<b>',
  '<!--',
  '[ ] ',
  '[x] ',
  'word',
  'two words',
  '"',
  '\\',
  '😀',
  '\ud83d',
  'https://e.com',
  '&amp;',
  '+',
  '2',
];

/** Random numbers that come again with their seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function randomDocument(random: () => number, length: number): string {
  return Array.from({ length }, () => pieces[Math.floor(random() * pieces.length)]!).join('');
}

/** Answers to questions about code: a snippet in the language asked for, and what it does. */
interface Snippet {
  language: string;
  asked: RegExp;
  code: string;
  run: string;
}

const SNIPPETS: Snippet[] = [
  {
    language: 'python',
    asked: /\bpython\b|\bpandas\b|\bdjango\b|\.py\b/i,
    code: `from collections import Counter


def most_common_words(text: str, limit: int = 3) -> list[tuple[str, int]]:
    """Return the \`limit\` most frequent words, ties in order of appearance."""
    words = (word.strip(".,;:!?").lower() for word in text.split())
    return Counter(word for word in words if word).most_common(limit)


print(most_common_words("the cat saw the other cat and the bird"))
# [('the', 3), ('cat', 2), ('saw', 1)]`,
    run: 'python3 words.py',
  },
  {
    language: 'sql',
    asked: /\bsql\b|\bpostgres(ql)?\b|\bquery\b|\bselect\b.*\bfrom\b/i,
    code: `with monthly as (
  select
    account_id,
    date_trunc('month', paid_at) as month,
    sum(amount) as total
  from payments
  group by account_id, month
)
select
  month,
  count(*) as accounts,
  sum(total) as revenue,
  round(avg(total), 2) as average
from monthly
group by month
order by month desc;`,
    run: 'psql "$DATABASE_URL" -f revenue.sql',
  },
  {
    language: 'rust',
    asked: /\brust\b|\bcargo\b/i,
    code: `use std::collections::HashMap;

fn count_words(text: &str) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for word in text.split_whitespace() {
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}

fn main() {
    let counts = count_words("the cat saw the other cat");
    println!("{counts:?}");
}`,
    run: 'cargo run',
  },
  {
    language: 'go',
    asked: /\bgolang\b|\bin go\b|\bgoroutines?\b/i,
    code: `package main

import (
	"fmt"
	"strings"
)

func countWords(text string) map[string]int {
	counts := make(map[string]int)
	for _, word := range strings.Fields(text) {
		counts[word]++
	}
	return counts
}

func main() {
	fmt.Println(countWords("the cat saw the other cat"))
}`,
    run: 'go run .',
  },
  {
    language: 'bash',
    asked: /\bbash\b|\bshell script\b|\bterminal command\b/i,
    code: `#!/usr/bin/env bash
set -euo pipefail

# The ten largest files below a folder, biggest first.
folder="\${1:-.}"
find "$folder" -type f -printf '%s %p\\n' |
  sort --numeric-sort --reverse |
  head --lines 10 |
  numfmt --to=iec --field=1`,
    run: 'bash largest.sh ~/Documents',
  },
  {
    language: 'html',
    asked: /\bhtml\b|\bweb ?page\b|\blanding page\b|\bcss\b/i,
    code: `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Tea timer</title>
    <style>
      body { display: grid; place-items: center; min-height: 100vh; font: 1.25rem system-ui; }
      button { padding: 0.75em 1.5em; border: 0; border-radius: 999px; background: #1f7a5a; color: white; }
    </style>
  </head>
  <body>
    <main>
      <h1 id="clock" aria-live="polite">3:00</h1>
      <button id="start">Start</button>
    </main>
    <script>
      const clock = document.querySelector('#clock');
      document.querySelector('#start').addEventListener('click', () => {
        let left = 180;
        const timer = setInterval(() => {
          left -= 1;
          clock.textContent = Math.floor(left / 60) + ':' + String(left % 60).padStart(2, '0');
          if (left === 0) clearInterval(timer);
        }, 1000);
      });
    </script>
  </body>
</html>`,
    run: 'open tea.html',
  },
  {
    language: 'svg',
    asked: /\bsvg\b/i,
    code: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 120" role="img" aria-label="Sun over hills">
  <rect width="200" height="120" fill="#dff1ff" />
  <circle cx="150" cy="36" r="18" fill="#ffc53d" />
  <path d="M0 90 Q50 40 100 84 T200 78 V120 H0 Z" fill="#5aa469" />
  <path d="M0 104 Q60 74 120 102 T200 98 V120 H0 Z" fill="#3b7d4f" />
</svg>`,
    run: 'open hills.svg',
  },
  {
    language: 'typescript',
    asked: /\b(typescript|javascript|node|svelte|react|js|ts)\b/i,
    code: `/** Groups items by a key and keeps the order in which they came. */
export function groupBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

const byLength = groupBy(['one', 'two', 'three'], (word) => word.length);
console.log(byLength.get(3)); // ['one', 'two']`,
    run: 'node group-by.ts',
  },
];

const ABOUT_CODE =
  /```|\b(code|function|script|program|algorithm|regex|bug|compile|refactor|unit test|snippet|class method|api endpoint)\b/i;

export function isAboutCode(prompt: string): boolean {
  return ABOUT_CODE.test(prompt) || SNIPPETS.some(({ asked }) => asked.test(prompt));
}

export function answerCode(prompt: string): string {
  const fallback = SNIPPETS.at(-1)!;
  const { language, code, run } = SNIPPETS.find(({ asked }) => asked.test(prompt)) ?? fallback;
  return `Here is a small, complete example to start from:

\`\`\`${language}
${code}
\`\`\`

**How it works**

1. The input is read **once**, from the beginning to the end.
2. What was seen is kept in a structure that makes the next step cheap.
3. The result comes back as a plain value, so it is easy to test.

Try it:

\`\`\`bash
${run}
\`\`\`

| case | what happens |
| :-- | :-- |
| empty input | an empty result, no error |
| repeated items | counted or grouped, never lost |
| large input | time grows in step with its size, \`O(n)\` |

> **Tip:** write the test for the empty input first. It is the one that is forgotten.`;
}

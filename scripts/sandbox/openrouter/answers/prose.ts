/** Answers in prose: greetings, comparisons, plans, diagrams, essays and everything else. */
export function answerGreeting(modelName: string): string {
  return `Hello! 👋 I am standing in for **${modelName}** here. A few things worth trying:

- *Write a Python function that counts words*: code with an explanation
- *Compare tea and coffee*: a table
- *Solve a quadratic equation*: formulas
- *Draw a diagram of a login*: a flow chart
- *Write a long essay about bridges*: something to scroll through

What would you like to do?`;
}

/** The names of the things to compare, or a pair that always works. */
export function answerComparison(prompt: string): string {
  const found =
    /\bcompare\s+(.{2,40}?)\s+(?:and|with|to|vs\.?)\s+(.{2,40}?)(?=[.?!,;\n]|\s+(?:in|for|as|by)\b|$)/i.exec(
      prompt,
    ) ?? /(\b[\w+#.-]{2,30})\s+(?:vs\.?|versus)\s+([\w+#.-]{2,30})/i.exec(prompt);
  const [left, right] = [cell(found?.[1] ?? 'Option A'), cell(found?.[2] ?? 'Option B')];
  return `Here is how **${left}** and **${right}** stand side by side:

| | ${left} | ${right} |
| :-- | :-: | :-: |
| Easy to begin with | ★★★★☆ | ★★★☆☆ |
| Room to grow | ★★★☆☆ | ★★★★★ |
| Cost at the start | low | medium |
| Cost later on | medium | low |
| Help from others | plenty | plenty |

**In short**

- Take **${left}** when you want to see a result this week.
- Take **${right}** when you know that you will still need it in two years.
- If you cannot decide, try the cheaper mistake first.`;
}

export function answerPlan(prompt: string): string {
  return `A plan for “${quote(prompt)}”:

- [ ] Write down in one sentence what *done* looks like
- [ ] List what you already have, and what is missing
- [ ] Do the smallest step that teaches you something
- [ ] Show it to one person and listen
- [ ] Fix the one thing that bothered them most
- [ ] Repeat until the sentence from the first step is true

1. **Week one** is for the first three boxes.
2. **Week two** is for the rest.

> Plans change. That is not a failure of the plan, it is what the plan was for.`;
}

export function answerDiagram(prompt: string): string {
  const sequence = /\b(sequence|login|request|protocol|handshake)\b/i.test(prompt);
  const chart = sequence
    ? `sequenceDiagram
    actor P as Person
    participant B as Browser
    participant S as Server
    P->>B: opens the page
    B->>S: asks for the data
    S-->>B: answers, signed
    B-->>P: shows the result
    Note over B,S: every answer carries a request id`
    : `flowchart LR
    A([Question]) --> B{Clear enough?}
    B -- no --> C[Ask back]
    C --> B
    B -- yes --> D[Think]
    D --> E[Answer]
    E --> F([Done])`;
  return `Here is a diagram of it:

\`\`\`mermaid
${chart}
\`\`\`

Read it from the ${sequence ? 'top to the bottom' : 'left to the right'}. Rounded boxes are where it begins and ends.`;
}

export function answerEssay(prompt: string): string {
  const topic = quote(prompt);
  return `# ${topic}

It is tempting to begin with a definition. It is better to begin with a morning: someone, somewhere, needs this to work, and has ten minutes to find out how. Everything below is written for that person.

## Where it comes from

Nothing of this kind appears all at once. First there is a habit that helps. Then someone gives the habit a name, and the name lets people who have never met work on the same thing. After a while the name is so familiar that nobody remembers the world without it.

> The best tools are those we stop noticing.

## How it works

Three ideas carry most of the weight:

1. **One thing at a time.** What can be understood alone can be repaired alone.
2. **Say it once.** Two copies of a truth will disagree one day, and it will be a busy day.
3. **Fail loudly, early and cheaply.** A small alarm in the morning beats a silent loss at night.

These ideas are old. Builders of bridges knew them, and so did cooks.

## What can go wrong

The usual mistake is to solve the whole problem in the mind before touching it with the hands. The second most usual is the opposite. Between the two lies a narrow path:

- look closely,
- change one thing,
- look again.

It feels slow, and it is the fastest way that is known.

## What remains

If you keep a single sentence from this page, keep this one: *make it easy to be right*. When the right way is also the easy way, people take it without being told, and what you built goes on working after you have left the room.`;
}

export function answerAnything(prompt: string, opening: number): string {
  const openings = [
    'Good question. Let me answer it in three parts.',
    'Here is a short answer first, then the reasons.',
    'Happy to help. The essentials come first.',
    'Let us look at it from the outside in.',
  ];
  return `${openings[opening % openings.length]}

You asked: “${quote(prompt)}”

### In short

A sandbox knows nothing about the world, so this is advice that fits almost every question: it depends on **what you want to do with it**, and for most people the simple way is right.

### In more detail

- **What matters most:** be clear about the goal before choosing the means.
- **What is often overlooked:** the cost of keeping something is larger than the cost of making it.
- **What to do next:** try it on a small scale, with something you can afford to lose.

### An example

Suppose you have an hour today. Spend the first ten minutes writing down what you know, the next forty trying it, and the last ten noting what surprised you. \`notes.md\` is a fine place for that.

Shall I go deeper into one of these?`;
}

export function quote(prompt: string): string {
  const line = prompt.replace(/\s+/g, ' ').trim();
  const short = line.length <= 90 ? line : `${line.slice(0, 88).replace(/\s+\S*$/, '')} …`;
  return short.toWellFormed() || '…';
}

function cell(text: string): string {
  return quote(text).replaceAll('|', '\\|');
}

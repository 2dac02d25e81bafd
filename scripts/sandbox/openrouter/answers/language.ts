/** Answers in other languages: what was asked for by name, or the one the prompt is written in. */
interface Language {
  name: string;
  /** Words that give the language away when a prompt is written in it. */
  spoken: RegExp;
  greeting: string;
  answer: string;
}

const LANGUAGES: Language[] = [
  {
    name: 'French',
    spoken:
      /\b(bonjour|merci|pourquoi|qu'est-ce|comment|peux-tu|est-ce que|une?)\b.*\b(le|la|les|des|tu|vous|est)\b|\bbonjour\b/i,
    greeting: 'Bonjour, ravi de vous rencontrer. Comment puis-je vous aider ?',
    answer:
      "Bien sûr ! Voici une réponse courte : commencez par l'essentiel, donnez **un exemple**, puis vérifiez que tout est clair. « Petit à petit, l'oiseau fait son nid. »",
  },
  {
    name: 'German',
    spoken:
      /\b(hallo|danke|warum|wie|kannst du|bitte|erkläre|über)\b.*\b(der|die|das|ist|ein|eine|mir|und)\b|\bguten tag\b/i,
    greeting: 'Guten Tag, schön, Sie kennenzulernen. Wie kann ich Ihnen helfen?',
    answer:
      'Gern! Kurz gesagt: Beginnen Sie mit dem Wichtigsten, geben Sie **ein Beispiel** und prüfen Sie am Ende, ob alles verständlich ist. Übung macht den Meister – auch bei größeren Aufgaben.',
  },
  {
    name: 'Spanish',
    spoken: /[¿¡]|\b(hola|gracias|cómo|qué|puedes|por favor)\b/i,
    greeting: 'Hola, mucho gusto. ¿En qué puedo ayudarle?',
    answer:
      '¡Claro! En pocas palabras: empiece por lo principal, ponga **un ejemplo** y compruebe al final que todo se entiende. Mañana será más fácil que hoy.',
  },
  {
    name: 'Portuguese',
    spoken: /\b(olá|obrigad[oa]|você|não|por favor|português)\b/i,
    greeting: 'Olá, muito prazer. Como posso ajudar?',
    answer:
      'Claro! Em poucas palavras: comece pelo principal, dê **um exemplo** e confirme no fim que tudo ficou claro. A prática traz a perfeição.',
  },
  {
    name: 'Italian',
    spoken: /\b(ciao|grazie|perché|puoi|buongiorno)\b/i,
    greeting: 'Buongiorno, piacere di conoscerla. Come posso aiutarla?',
    answer:
      'Certo! In breve: si parte dalla cosa più importante, si fa **un esempio** e alla fine si controlla che tutto sia chiaro. Chi va piano va sano e va lontano.',
  },
  {
    name: 'Swahili',
    spoken: /\b(habari|jambo|asante|tafadhali|kwa nini)\b/i,
    greeting: 'Habari, nimefurahi kukutana nawe. Nikusaidieje?',
    answer:
      'Ndiyo! Kwa ufupi: anza na jambo muhimu zaidi, toa **mfano mmoja**, kisha hakikisha kila kitu kinaeleweka. Haraka haraka haina baraka.',
  },
  {
    name: 'Hindi',
    spoken: /\p{Script=Devanagari}/u,
    greeting: 'नमस्ते, आपसे मिलकर खुशी हुई। मैं आपकी क्या मदद कर सकता हूँ?',
    answer:
      'ज़रूर! संक्षेप में: सबसे ज़रूरी बात से शुरू करें, **एक उदाहरण** दें, और अंत में देख लें कि सब कुछ साफ़ है। अभ्यास से ही निपुणता आती है।',
  },
  {
    name: 'Japanese',
    spoken: /[\p{Script=Hiragana}\p{Script=Katakana}]/u,
    greeting: 'こんにちは、はじめまして。何かお手伝いできますか。',
    answer:
      'もちろんです。要点から始めて、**例を一つ**示し、最後にわかりやすいか確かめましょう。千里の道も一歩からです。',
  },
  {
    name: 'Chinese',
    spoken: /\p{Script=Han}/u,
    greeting: '您好，很高兴认识您。有什么可以帮您的吗？',
    answer:
      '当然可以！简单来说：先讲重点，再举**一个例子**，最后确认内容清楚易懂。千里之行，始于足下。',
  },
  {
    name: 'Arabic',
    spoken: /\p{Script=Arabic}/u,
    greeting: 'مرحبًا، تشرفت بمعرفتك. كيف يمكنني مساعدتك؟',
    answer:
      'بالتأكيد! باختصار: ابدأ بالأهم، ثم اذكر **مثالًا واحدًا**، وتأكد في النهاية من أن كل شيء واضح. من جدّ وجد.',
  },
  {
    name: 'Russian',
    spoken: /\p{Script=Cyrillic}/u,
    greeting: 'Здравствуйте, приятно познакомиться. Чем могу помочь?',
    answer:
      'Конечно! Коротко: начните с главного, приведите **один пример** и в конце проверьте, всё ли понятно. Тише едешь — дальше будешь.',
  },
];

const TRANSLATE =
  /\btranslat(e|ion)\b|\bhow do (you|i) say\b|\b(say|answer|reply|write)\b.*\bin\b/i;

/** The answer when another language is wanted or spoken; null for ordinary English prompts. */
export function answerLanguage(prompt: string): string | null {
  const named = LANGUAGES.filter(({ name }) => new RegExp(`\\b${name}\\b`, 'i').test(prompt));
  if (named.length > 0 && TRANSLATE.test(prompt)) return translation(named);
  return LANGUAGES.find(({ spoken }) => spoken.test(prompt))?.answer ?? null;
}

function translation(languages: Language[]): string {
  const rows = languages.map(({ name, greeting }) => `| ${name} | ${greeting} |`).join('\n');
  return `A real model would translate your own words. The sandbox knows one sentence by heart, and here it is:

| language | “Hello, nice to meet you. How can I help?” |
| :-- | :-- |
${rows}

Each version uses the polite form, which is the safe choice with people you do not know yet.`;
}

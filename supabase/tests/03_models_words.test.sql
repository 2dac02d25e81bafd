-- models, what a text tells the router: everyday words do not send a question to a dearer model, and
-- code and mathematics are seen in several languages.

begin;
select no_plan();

create temporary table said (about text, content text);
insert into said values
  ('', 'Summarise the meeting of 2026-11-27.'), ('', 'What is the dress code?'), ('', 'Is the shop open 24/7?'),
  ('', 'Read pages 10-12 and tell me what matters.'), ('', 'Can I return these shoes?'), ('', 'Call me on +49 30 1234-567 on 3/12.'),
  ('', 'How long does a ball python live?'), ('', 'Who was in Monty Python?'), ('', 'Where should we eat in Java? A yoga class as well.'),
  ('', 'How do I get rust off an iron gate?'), ('', 'Taylor Swift: which album first?'), ('', 'How do I import duty-free wine?'),
  ('', E'import duties for cars\nclass action suits\nfunction rooms in Leeds'), ('', 'Select a wine from the menu.'), ('', 'What is my zip code? The code on the door is 4711.'),
  ('', 'Trust is an integral part of a team.'), ('', 'Are derivatives risky? Is this a derivative work?'), ('', 'Leave luck out of the equation.'),
  ('', 'How do I prove that I live here?'), ('', 'What problem does it solve for users?'), ('', 'What is the probability of rain tomorrow?'),
  ('', 'Is The Matrix worth watching?'), ('', 'A flat of 60 m² for $$ or $$$?'), ('', 'A 40×60×20 cm box, a 1920×1080 screen, 4x4 wheels.'),
  ('', E'The seller shall deliver;\nthe buyer shall pay;\n'), ('', 'Home => work, every day.'), ('', 'Is my budget of 1,500 + 300 a month enough?'),
  ('', 'Write a script for a video about bees.'), ('', 'Write a code of conduct and a description of Taylor Swift.'), ('', 'How can I improve my golf swing and resolve a love triangle?'),
  ('', 'What is the probability that I die at sea?'), ('', 'Formación integral de los alumnos'), ('', 'L''intégrale de Brassens, une version dérivée de ce produit'),
  ('', 'Die Ableitung von Regenwasser'), ('', 'F1方程式赛车'), ('', '写一个短视频脚本'), ('', '會員積分'), ('', 'Интегральный подход к здоровью'),
  ('', 'Peux-tu compiler une liste de restaurants ?'), ('', 'Wie lautet die Postleitzahl von Köln? Und der Dresscode?'), ('', '¿Puedo devolver estos zapatos?'),
  ('', '会员积分怎么用？在职证明怎么写？'), ('', 'ドレスコードはありますか'), ('', 'Какой сегодня праздник?'), ('', 'आज मौसम कैसा है?'),
  ('code', 'How do I sort a list in Python?'), ('code', 'Please write a python script.'), ('code', E'Why?\n```\nx = 1\n```'), ('code', 'Why does my code not compile?'),
  ('code', 'Write a function that reverses a linked list.'), ('code', 'What does a Java interface do?'), ('code', 'Is there a borrow bug in this Rust function?'),
  ('code', 'TypeError: undefined is not iterable'), ('code', 'What is wrong with items.map(x => x.id)?'), ('code', 'SELECT name FROM people WHERE age > 3'),
  ('code', E'def add(a, b):\n  return a + b'), ('code', 'What does git rebase do?'), ('code', 'A regex for a date like 2026-11-27'), ('code', 'How do templates work in C++?'),
  ('code', 'Schreibe eine Funktion, die zwei Listen vergleicht.'), ('code', 'Écris une fonction en Python.'), ('code', 'Escribe una función que sume dos números.'),
  ('code', '用Python写一个爬虫'), ('code', '写一个函数'), ('code', 'このコードを修正して。コードを直して'), ('code', 'Напиши функцию для бэкапа'), ('code', '코드를 수정해 줘'),
  ('maths', 'Solve 2x + 3 = 7.'), ('maths', 'What is the derivative of sin(x)?'), ('maths', 'Compute the integral of x^2 from 0 to 1.'), ('maths', 'Prove that the square root of 2 is irrational.'),
  ('maths', 'Solve the equation for x.'), ('maths', 'What is (12 + 7) * 3?'), ('maths', '$$\sum_{n=1}^\infty \frac{1}{n^2}$$'), ('maths', 'What does \(a_n\) converge to?'),
  ('maths', 'What is the probability of two sixes with two dice?'), ('maths', 'Explain Bayes'' theorem.'), ('maths', 'Factorise x² − 5x + 6.'),
  ('maths', 'Löse die Gleichung.'), ('maths', 'Résous cette équation.'), ('maths', 'Resuelve la ecuación.'), ('maths', 'Was ist die Ableitung von f(x)?'), ('maths', 'Integral de x'),
  ('maths', '解方程'), ('maths', '求不定积分'), ('maths', 'この方程式を解いて'), ('maths', 'Реши уравнение'), ('maths', '방정식을 풀어 줘'), ('maths', 'समीकरण हल करो');

select is(
  concat_ws(' ', case when (features).has_code then 'code' end, case when (features).has_math then 'maths' end), about, content
)
from said
cross join lateral (select private.features_of(content, 10, 10) as features) as looked;

select is((private.read_features(jsonb_build_object('text', repeat('a ', 4000) || '```'))).has_code, false, 'what comes after 8,000 characters is not looked at');
select is((private.read_features(jsonb_build_object('text', repeat('a ', 3998) || '```'))).has_code, true, 'what comes before is');
select is((private.read_features('{"text": "Good day", "has_code": true}')).has_code, false, 'what a text tells goes before what is said of it');
select is((private.read_features('{"has_code": true}')).has_code, true, 'which counts where there is none');
select is((private.read_features('{"text": 5, "has_math": true}')).has_math, true, 'or where it is no text');
select is((private.read_features('{"text": "こんにちは"}')).language, 'ja', 'its script tells the language');

select * from finish();
rollback;

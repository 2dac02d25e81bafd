-- models, what a text tells the router: whether it is about code, about mathematics, in which script.
--
-- A word with an everyday meaning tells nothing by itself: the wrong guess sends a plain question to
-- a dearer model. Patterns count nothing and stay inside a sentence, which keeps them quick; letters
-- around a word are spelled out, because what a letter is depends on where the database runs.

create function private.is_about_code(content text)
returns boolean
language plpgsql
immutable
strict
security invoker
set search_path = ''
as $$
begin
  return
    -- how code looks
    content ~ '```|\w\(\)|[a-z_]\w*\.[a-z_]\w*\([^)]*\)|#include\s*[<"]|Traceback \(most recent|</?(div|span|html|body|script|table|input|button)[ >]'
    or content ~ '(^|\n)\s*(def \w+\(|class \w+[^\n]*[:{]\s*\n|(async |export )?function \w*\s*\(|import [^\n]* from [''"]|from [\w.]+ import \w|import [\w.]+( as \w+|;)|(const|let|var|int) \w+ = |(sudo|npm|npx|pip|docker|kubectl) [a-z]+)'
    or content ~ '\)\s*=>|=>\s*[{(]|[a-z_]\w* = [^;\n]*;|[)}];\s*(\n|$)|(^|\n)\s*at [\w.$<>]+ ?\([^)\n]*:\d+'
    or content ~ '(^|\n)\s*select [^?!\n]* from [^?!]*(where|join|group by|order by|limit \d|;)|SELECT\s[^.?!]*\sFROM\s|select \* from|(INSERT INTO|insert into|CREATE TABLE|create table|ALTER TABLE|alter table) \w'
    or content ~ '(^|[^A-Za-z])[A-Z][a-z]\w*(Error|Exception)([^\w]|$)'
    -- names and words that mean nothing else
    or content ~* '(^|[^a-z])(javascript|typescript|node\.?js|golang|kotlin|haskell|php|sql|postgres(ql)?|sqlite|html|css|json|yaml|django|numpy|regex(es|p)?|stack ?trace|segfault|refactor(s|ed|ing)?|debug(ging|ger)?|source code|code review|pull request|merge conflict|unit tests?|linked list|binary (search|tree)|hash ?map|(for|while) loop|recursive function|null pointer|race condition|(shell|bash|python) script|react (hook|component|app)|git (rebase|commit|merge|push|pull|checkout|stash|clone)|rest api|api endpoint)([^a-z]|$)'
    or content ~* '(^|[^a-z])c(\+\+|#)([^\w]|$)'
    or content ~* '(my|this|your|following) code [^.?!]*(work|compil|run|crash|throw|fail|slow|error)|(write|implement)[^.?!]* (code|function) (that|to|which|for|in)([^a-z]|$)'
    or content ~* 'quellcode|quelltext|código fuente|codice sorgente|código-fonte|code source|(schreib|écri[st]|escrib[ae]|escreva|scrivi|напиши)[^.?!]* (funktion|fonction|función|função|funzione|функци|программу|код)|программиров|исходн[^ ]* код'
    or content ~ '代码|代碼|编程|編程|写(一?个|一?段)?(函数|程序)|プログラミング|ソースコード|コードを(書|修正|直)|関数を(書|作)|프로그래밍|소스 ?코드|코드를? ?(작성|수정|고쳐)|함수를 ?(작성|만들)|प्रोग्रामिंग|कोड लिख|برمج|شيفرة'
    -- languages that are animals, islands and gems as well
    or content ~* '(^|[^a-z])(in|using|en|em|mit|на|用|使用) ?python(?! (skin|leather|print))([^a-z]|$)|python ?([0-9]|で|中|里|로|에서)'
    or content ~* '(^|[^a-z])(python|java|rust|ruby|swift|scala|perl|lua|matlab|bash)([^a-z.?!][^.?!]*[^a-z]|[^a-z])(function|code|coding|script|programm|compil|variable|array|decorator|pointer|lambda|async|interface|exception|bug|funktion|fonction|función|função|funzione|функци|скрипт|код)'
    or content ~* '(^|[^a-z])(function|code(?! of)|script|program|compil|variable|array|decorator|pointer|lambda|async|interface|exception|bug|funktion|fonction|función|função|funzione|функци|скрипт|код)[^.?!]*[^a-z](python|java|rust|ruby|swift|scala|perl|lua|matlab|bash)([^a-z]|$)';
end
$$;

comment on function private.is_about_code is 'Whether a text shows code or asks about programming.';

create function private.is_about_mathematics(content text)
returns boolean
language plpgsql
immutable
strict
security invoker
set search_path = ''
as $$
begin
  return
    -- how mathematics looks
    content ~ '\$\$[^$]*[\\^_=+][^$]*\$\$|\\\([^\n]+\\\)|\\\[[^]]+\\\]|\\(frac|sum|int|sqrt)([^a-z]|$)|∑|∫|√\(?\d|√[a-z(]([^a-z]|$)'
    or content ~ '(^|[^A-Za-z])([a-z]\^[\d({n-]|[a-ln-z][²³])|(^|[^\w])\d*[a-z]( ?[-+*/] ?\d*[a-z]?)+ ?= ?-?\d'
    or content ~ '\d ?[*×÷^] ?\(?\d[\d.,]*\)? ?[+=] ?[(\d?x]|\) ?[*×÷^] ?\(?\d|\d ?[*×÷^] ?\(\d'
    -- words that mean nothing else
    or content ~* '(^|[^a-z])(theorem|lemma|pythagor|eigen(value|vector)|logarithm|trigonomet|polynomial|factori[sz]e|square root of|greatest common divisor|least common multiple|(differential|quadratic|linear|cubic) equation|(definite|indefinite|improper) integral|integral of (the function|\d|[a-z]([^a-z]|$)|sin|cos|tan|ln|log|sqrt)|derivative of (the function|\d|[a-z]([^a-z]|$)|sin|cos|tan|ln|log|sqrt)|(inverse|determinant|rank|transpose) of (the|a|this) [^.?!]*matrix)'
    or content ~* '(^|[^a-z])(solve[^.?!]* (equation|for [b-z]([^a-z]|$))|(prove|proof)[^.?!]* (irrational|divisible|(a|the) primes?|infinitely many primes|(is|are) (always )?(even|odd|prime)|converges?|triangle)|probability[^.?!]* (dice|a (fair )?die|coin|urn|deck of cards)([^a-z]|$))'
    -- and in other languages
    or content ~* '(löse|resuelv|résou|résolv|resolv|risolv|реши)[^.?!]*(gleichung|ecuaci|[éÉ]quation|equaç|equazion|уравнени)|stammfunktion|beweise[^.?!]* (gerade|irrational|primzahl|teilbar)|satz des pythagoras|théorème|teorema'
    or content ~* '(ableitung|integral|dérivée|intégrale|derivada|derivata|integrale) (von|der|de|di|da|della|del)( la)? ?(funktion|fonction|función|função|funzione|[fx]([^a-z]|$)|sin|cos|ln|log|\d)'
    or content ~ 'роизводн[^ ]+ функци|[иИ]нтеграл[аы]?([ .?!,]|$)|[тТ]еорем[аыу] |[дД]окажи[^.?!]* (прост|делит|иррациональн)|解[^。式]*方程([^式]|$)|求[^。]*积分|不定积分|求导|导数|定理|逆矩阵|行列式|証明せよ|方程式を|微分|積分を求|방정식을|적분|समीकरण (को )?हल|حل (ال)?معادلة|مشتقة الدالة';
end
$$;

comment on function private.is_about_mathematics is 'Whether a text shows mathematics or asks for it.';

create function private.language_of(content text)
returns text
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  return case
    when content ~ '[\u3040-\u30ff]' then 'ja'
    when content ~ '[\u4e00-\u9fff]' then 'zh'
    when content ~ '[\uac00-\ud7af]' then 'ko'
    when content ~ '[\u0400-\u04ff]' then 'ru'
    when content ~ '[\u0600-\u06ff]' then 'ar'
    when content ~ '[\u0900-\u097f]' then 'hi'
    when content ~ '[\u0590-\u05ff]' then 'he'
    when content ~ '[\u0e00-\u0e7f]' then 'th'
    when content ~ '[\u0370-\u03ff]{3}' then 'el'
  end;
end
$$;

comment on function private.language_of is 'The language of a text as far as its script tells, for the router.';

-- grants ------------------------------------------------------------------------------------

grant execute on function private.is_about_code, private.is_about_mathematics, private.language_of to authenticated, service_role;

function sentence(control: HTMLInputElement): string {
  const { validity, type, minLength } = control;
  if (validity.valueMissing) return type === 'email' ? 'Enter your email.' : 'Fill this in.';
  if (validity.typeMismatch) return 'That does not look like an email address.';
  if (validity.tooShort) return `Use at least ${minLength} characters.`;
  if (validity.patternMismatch) return control.title;
  return control.validationMessage;
}

/**
 * What the browser finds wrong in a form, by field name, in our words; the first field at fault
 * takes the focus. The form itself says `novalidate`, so no bubble covers our own message.
 */
export function formProblems(form: HTMLFormElement): Record<string, string> {
  const atFault = [...form.elements].filter(
    (element): element is HTMLInputElement =>
      element instanceof HTMLInputElement && !element.validity.valid,
  );
  atFault[0]?.focus();
  return Object.fromEntries(atFault.map((control) => [control.name, sentence(control)]));
}

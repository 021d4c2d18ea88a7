/** What looks like a secret or a person, whatever attribute it stands in. */
export type Secret =
  | 'JWT'
  | 'card number'
  | 'e-mail address'
  | 'URL with credentials'
  | 'private key'
  | 'access key'

const SHAPES: readonly (readonly [Secret, RegExp])[] = [
  ['JWT', /\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}/],
  ['private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ['URL with credentials', /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@]+:(?!\*+@)[^\s/@]+@/i],
  [
    'access key',
    /\b(?:sk-[A-Za-z0-9_-]{16,}|sk_live_[A-Za-z0-9]{16,}|AKIA[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}|AIza[\w-]{35}|npm_[A-Za-z0-9]{36})/,
  ],
  ['e-mail address', /\b[\w.+-]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b/i],
]

/** Of the card companies; a number that merely counts hardly begins and ends like this. */
const CARD =
  /\b(?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|6011|65\d{2})([ -]?)\d{4}\1\d{4}\1\d{4}\b|\b3[47]\d{2}([ -]?)\d{6}\2\d{5}\b/g

/** The first kind of secret in a text; `undefined` if there is none. */
export function secretIn(text: string): Secret | undefined {
  for (const [secret, shape] of SHAPES) if (shape.test(text)) return secret
  for (const [digits] of text.matchAll(CARD)) if (hasCheckDigit(digits)) return 'card number'
  return undefined
}

/** Luhn: every second digit from the right is doubled. */
function hasCheckDigit(text: string): boolean {
  const digits = text.replaceAll(/\D/g, '').split('').reverse().map(Number)
  const sum = digits.reduce((total, digit, i) => {
    const value = i % 2 === 0 ? digit : digit * 2
    return total + (value > 9 ? value - 9 : value)
  }, 0)
  return sum % 10 === 0
}

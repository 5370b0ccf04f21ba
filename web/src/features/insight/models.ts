/** Of customers who buy regularly: the larger k, the more so. */
const regular = Array.from({ length: 11 }, (_, i) => i + 2)

/** The models of purchases that a valuation can be asked for; "auto" takes the one that predicts best. */
export const MODELS = [
  'auto',
  'bg-nbd',
  'mbg-nbd',
  'pareto-nbd',
  'ggompertz-nbd',
  'nbd',
  ...regular.map(k => 'bg-cnbd-' + k),
  ...regular.map(k => 'mbg-cnbd-' + k),
]

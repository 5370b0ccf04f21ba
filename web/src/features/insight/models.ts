/** The models of purchases that a valuation can be asked for; "auto" takes the one that predicts best. */
export const MODELS = [
  'auto',
  'bg-nbd',
  'mbg-nbd',
  'pareto-nbd',
  'ggompertz-nbd',
  'nbd',
  'bg-cnbd-2',
  'bg-cnbd-3',
  'bg-cnbd-4',
  'mbg-cnbd-2',
  'mbg-cnbd-3',
  'mbg-cnbd-4',
]

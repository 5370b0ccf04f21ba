/** Which fields of a form come first, where more than one page opens it. */
export const contactForm = [
  'name',
  'customer_id',
  'title',
  'department',
  'phone',
  'email',
  'wechat',
  'decision_role',
  'is_primary',
  'description',
]

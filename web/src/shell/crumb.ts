import { ref } from 'vue'

/** The second part of the path in the top bar: the name of the record that is open. */
export const crumb = ref('')

// The browser tests follow the rules of the application they test.
export { default } from '../../web/eslint.config.js'

import { createPinia } from 'pinia'
import { createApp } from 'vue'
import 'element-plus/theme-chalk/base.css'
import './ui/tokens.css'
import './ui/base.css'
import { configureApi } from './api/client'
import App from './App.vue'
import { browserLanguage, i18n, setLanguage } from './i18n'
import { router } from './router'
import { useLive } from './stores/live'
import { useSession } from './stores/session'

const app = createApp(App)
app.use(createPinia())
app.use(i18n)

const session = useSession()
const live = useLive()
configureApi({
  language: () => session.lang,
  reach: live.setReachable,
  signedOut: () => {
    session.forget()
    void router.push({ name: 'sign-in', query: { to: router.currentRoute.value.fullPath } })
  },
})

setLanguage(browserLanguage())
  .then(() => {
    app.use(router)
    app.mount('#app')
  })
  .catch(() => {
    document.body.textContent = 'Patron 知客: reload to try again. 请刷新重试。'
  })

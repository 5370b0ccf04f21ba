import { createRouter, createWebHistory } from 'vue-router'
import { useSession } from './stores/session'

declare module 'vue-router' {
  interface RouteMeta {
    public?: boolean
    title?: string
    wide?: boolean
  }
}

export const router = createRouter({
  history: createWebHistory(),
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
  routes: [
    {
      path: '/setup',
      name: 'setup',
      component: () => import('./features/identity/SetupPage.vue'),
      meta: { public: true, title: 'setup.title' },
    },
    {
      path: '/sign-in',
      name: 'sign-in',
      component: () => import('./features/identity/SignInPage.vue'),
      meta: { public: true, title: 'signin.title' },
    },
    {
      path: '/welcome',
      name: 'welcome',
      component: () => import('./features/identity/WelcomePage.vue'),
      meta: { public: true, title: 'welcome.do' },
    },
    {
      path: '/',
      component: () => import('./shell/AppShell.vue'),
      children: [
        {
          path: '',
          name: 'home',
          component: () => import('./features/home/HomePage.vue'),
          meta: { title: 'nav.home' },
        },
        {
          path: 'customers',
          name: 'customers',
          component: () => import('./features/customers/CustomersPage.vue'),
          meta: { title: 'nav.customers' },
        },
        {
          path: 'customers/:id(\\d+)',
          name: 'customer',
          component: () => import('./features/customers/CustomerPage.vue'),
          meta: { title: 'nav.customers' },
        },
        {
          path: 'orders',
          name: 'orders',
          component: () => import('./features/orders/OrdersPage.vue'),
          meta: { title: 'nav.orders' },
        },
        {
          path: 'orders/new',
          name: 'order-new',
          component: () => import('./features/orders/OrderPage.vue'),
          meta: { title: 'orders.create' },
        },
        {
          path: 'orders/:id(\\d+)',
          name: 'order',
          component: () => import('./features/orders/OrderPage.vue'),
          meta: { title: 'nav.orders' },
        },
        {
          path: 'contacts',
          name: 'contacts',
          component: () => import('./features/contacts/ContactsPage.vue'),
          meta: { title: 'nav.contacts' },
        },
        {
          path: 'products',
          name: 'products',
          component: () => import('./features/products/ProductsPage.vue'),
          meta: { title: 'nav.products' },
        },
        {
          path: 'tasks',
          name: 'tasks',
          component: () => import('./features/tasks/TasksPage.vue'),
          meta: { title: 'nav.tasks' },
        },
        {
          path: 'import',
          name: 'import',
          component: () => import('./features/imports/ImportPage.vue'),
          meta: { title: 'nav.import' },
        },
        {
          path: 'import/:id(\\d+)',
          name: 'import-one',
          component: () => import('./features/imports/ImportPage.vue'),
          meta: { title: 'nav.import' },
        },
        {
          path: 'value',
          name: 'value',
          component: () => import('./features/insight/ValuePage.vue'),
          meta: { title: 'nav.value' },
        },
        {
          path: 'jobs',
          name: 'jobs',
          component: () => import('./features/jobs/JobsPage.vue'),
          meta: { title: 'nav.jobs' },
        },
        {
          path: 'account',
          name: 'account',
          component: () => import('./features/identity/AccountPage.vue'),
          meta: { title: 'account.title' },
        },
        {
          path: 'admin',
          name: 'admin',
          component: () => import('./features/admin/AdminPage.vue'),
          redirect: { name: 'admin-people' },
          meta: { title: 'admin.title' },
          children: [
            {
              path: 'people',
              name: 'admin-people',
              component: () => import('./features/admin/PeoplePage.vue'),
              meta: { title: 'admin.places.people' },
            },
            {
              path: 'departments',
              name: 'admin-departments',
              component: () => import('./features/admin/DepartmentsPage.vue'),
              meta: { title: 'admin.places.departments' },
            },
            {
              path: 'roles',
              name: 'admin-roles',
              component: () => import('./features/admin/RolesPage.vue'),
              meta: { title: 'admin.places.roles' },
            },
            {
              path: 'tags',
              name: 'admin-tags',
              component: () => import('./features/admin/TagsPage.vue'),
              meta: { title: 'admin.places.tags' },
            },
            {
              path: 'company',
              name: 'admin-company',
              component: () => import('./features/admin/CompanyPage.vue'),
              meta: { title: 'admin.places.company' },
            },
            {
              path: 'audit',
              name: 'admin-audit',
              component: () => import('./features/admin/AuditPage.vue'),
              meta: { title: 'admin.places.audit' },
            },
          ],
        },
        {
          path: ':rest(.*)*',
          name: 'nowhere',
          component: () => import('./shell/NowherePage.vue'),
          meta: { title: 'nowhere.title' },
        },
      ],
    },
  ],
})

router.beforeEach(async to => {
  const session = useSession()
  try {
    await session.load()
  } catch {
    if (!to.meta.public) return { name: 'sign-in', query: { to: to.fullPath } }
    return true
  }
  if (session.setupNeeded && to.name !== 'setup') return { name: 'setup', hash: to.hash }
  if (!session.setupNeeded && to.name === 'setup' && !session.session) return { name: 'sign-in' }
  if (!to.meta.public && !session.session)
    return { name: 'sign-in', query: to.fullPath === '/' ? {} : { to: to.fullPath } }
  if (to.name === 'sign-in' && session.session)
    return typeof to.query.to === 'string' && /^\/(?!\/)/.test(to.query.to) ? to.query.to : '/'
  return true
})

// a new version was deployed and the old chunk is gone: load the page anew, once
router.onError((error, to) => {
  if (/import|fetch|module|preload/i.test(String(error)) && !sessionStorage.getItem('patron.reloaded')) {
    sessionStorage.setItem('patron.reloaded', '1')
    location.assign(to.fullPath)
  }
})

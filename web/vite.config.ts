import { defineConfig, type Plugin } from 'vite'
import vue from '@vitejs/plugin-vue'
import { baseCompile } from '@intlify/message-compiler'
import { brotliCompressSync, constants } from 'node:zlib'
import { mkdirSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

type Tree = { [key: string]: string | Tree }

function compile(tree: Tree): unknown {
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => {
      if (typeof value !== 'string') return [key, compile(value)]
      return [
        key,
        baseCompile(value, { jit: true, optimize: true, mangle: true, minify: true, location: false } as object).ast,
      ]
    }),
  )
}

/** Texts are compiled at build time: no message compiler is shipped, and no `new Function` is needed (CSP). */
function locales(): Plugin {
  const prefix = 'virtual:locale/'
  return {
    name: 'patron-locales',
    resolveId: id => (id.startsWith(prefix) ? '\0' + id : null),
    load(id) {
      if (!id.startsWith('\0' + prefix)) return null
      const file = join(here, 'src/locales', id.slice(prefix.length + 1) + '.json')
      this.addWatchFile(file)
      return {
        code: 'export default ' + JSON.stringify(compile(JSON.parse(readFileSync(file, 'utf8')))),
        moduleType: 'js',
      }
    },
  }
}

/** A .br beside every text asset, for a server that only hands out what is already compressed. */
function precompress(): Plugin {
  let out = ''
  const walk = (dir: string): string[] =>
    readdirSync(dir, { withFileTypes: true }).flatMap(e =>
      e.isDirectory() ? walk(join(dir, e.name)) : [join(dir, e.name)],
    )
  return {
    name: 'patron-precompress',
    apply: 'build',
    configResolved(config) {
      out = resolve(config.root, config.build.outDir)
    },
    closeBundle() {
      const manifest = join(out, 'manifest.json')
      mkdirSync(join(here, '../build'), { recursive: true })
      try {
        renameSync(manifest, join(here, '../build/web-manifest.json'))
      } catch {
        /* a failed build has none */
      }
      for (const file of walk(out)) {
        if (!/\.(js|css|html|svg|json)$/.test(file)) continue
        const bytes = readFileSync(file)
        writeFileSync(
          file + '.br',
          brotliCompressSync(bytes, {
            params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: statSync(file).size },
          }),
        )
      }
    },
  }
}

const patron = process.env.PATRON_URL ?? 'http://127.0.0.1:8040'

export default defineConfig({
  root: here,
  plugins: [vue(), locales(), precompress()],
  define: {
    __VUE_OPTIONS_API__: true, // Element Plus still has option components
    __VUE_PROD_DEVTOOLS__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
    __INTLIFY_DROP_MESSAGE_COMPILER__: true,
  },
  resolve: {
    alias: {
      '@': join(here, 'src'),
      '@messages': join(here, '../messages'),
      'vue-i18n': 'vue-i18n/dist/vue-i18n.runtime.esm-bundler.js',
    },
  },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    manifest: 'manifest.json',
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 900,
  },
  server: {
    // The server takes writes from its own page only: to it, this one is that.
    proxy: { '/api': { target: patron, changeOrigin: true, headers: { Origin: patron } } },
    fs: { allow: [join(here, '..')] },
  },
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
} as Parameters<typeof defineConfig>[0])

// Usage: node run_react_hook.mjs PHOTO — renders the specification's React component, unchanged, with
// React itself, chooses PHOTO in its file input, and prints the page's text at the end and the calls
// that were made, as JSON.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { transformSync } from 'esbuild'
import { JSDOM } from 'jsdom'
import { chosenFile, fetchFrom, token } from './server.mjs'

const { window } = new JSDOM('<!doctype html><div id="root"></div>', { url: 'http://localhost/' })
globalThis.window = window
globalThis.document = window.document
if (!('navigator' in globalThis)) globalThis.navigator = window.navigator
const React = (await import('react')).default
const { createRoot } = await import('react-dom/client')

const source = readFileSync(new URL('specification_react_hook.jsx', import.meta.url), 'utf8')
const { code } = transformSync(`${source}\nexport { ImageUploadComponent }`, {
  loader: 'jsx',
  format: 'cjs',
})
const calls = []
const exported = { exports: {} }
new Function('module', 'exports', 'require', 'React', 'fetch', 'token', code)(
  exported, exported.exports, createRequire(import.meta.url), React, fetchFrom(calls), token,
)

const root = window.document.getElementById('root')
createRoot(root).render(React.createElement(exported.exports.ImageUploadComponent))
const until = async (condition) => {
  const deadline = Date.now() + 60_000
  while (!condition() && Date.now() < deadline) await new Promise((done) => setTimeout(done, 20))
}
await until(() => root.querySelector('input'))
const input = root.querySelector('input')
Object.defineProperty(input, 'files', { value: [chosenFile(process.argv[2])] })
input.dispatchEvent(new window.Event('change', { bubbles: true }))
await until(() => /successfully|Error/.test(root.textContent))
const image = root.querySelector('img')?.getAttribute('src') ?? null
console.log(JSON.stringify({ text: root.textContent, image, calls }))
process.exit(0)

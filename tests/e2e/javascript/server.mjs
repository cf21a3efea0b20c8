// What the two examples take as given: a base address, a token, and a chosen file.
import { File } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'

export const base = process.env.SAFELIGHT_URL
export const token = process.env.SAFELIGHT_TOKEN

/** The file that a person would have chosen in the browser. */
export function chosenFile(path) {
  return new File([readFileSync(path)], basename(path), { type: 'image/jpeg' })
}

/** `fetch` as a browser on the service's own page has it: paths are relative to its address. */
export function fetchFrom(calls = []) {
  return async (path, options = {}) => {
    const response = await fetch(new URL(path, base), options)
    calls.push({ method: options.method ?? 'GET', path, status: response.status })
    return response
  }
}

/** An element of the answer of GET /api/projects, as in application.go. */
export interface Project {
  name: string
  canEdit: boolean
}

/** The answer of GET /api/billing, as in application.go. */
export interface Billing {
  openInvoices: number
}

/** Calls the Go server's JSON API from the browser, with the session cookie. */
export async function get<T>(path: "/api/projects" | "/api/billing"): Promise<T> {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response.json()
}

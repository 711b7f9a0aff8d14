// Asks the gateway. The token is kept as long as the tab, and forgotten when it is refused.

const KEPT = "ota-gateway.token";

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export function setToken(token) {
  sessionStorage.setItem(KEPT, token);
}

export function hasToken() {
  return sessionStorage.getItem(KEPT) !== null;
}

let onUnknown = () => {};
export function whenUnknown(ask) {
  onUnknown = ask;
}

export async function request(path, options = {}) {
  const token = sessionStorage.getItem(KEPT);
  const headers = { ...options.headers };
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(`api/v1/${path}`, { cache: "no-store", ...options, headers });
  if (answer.status === 401) {
    // Only the token that was refused: another may have been given meanwhile.
    if (sessionStorage.getItem(KEPT) === token) sessionStorage.removeItem(KEPT);
    onUnknown(token !== null);
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Refused(answer.status, told.detail ?? `HTTP ${answer.status}`);
  }
  return answer;
}

export async function get(path, query = {}) {
  const fields = new URLSearchParams();
  for (const [name, values] of Object.entries(query)) {
    for (const value of [values].flat()) if (value !== undefined && value !== "") fields.append(name, value);
  }
  const text = fields.toString();
  return (await request(text ? `${path}?${text}` : path)).json();
}

export async function post(path) {
  return (await request(path, { method: "POST" })).json();
}

// A path below /api/v1; whatever a device calls itself stays one part of it.
export function path(...parts) {
  return parts.map(encodeURIComponent).join("/");
}

// Something that is looked up again now and then: at most every `every` milliseconds, and never twice at once.
export class Looked {
  constructor(look, onNews, every = 2000) {
    Object.assign(this, { look, onNews, every, value: null, error: null, at: 0, timer: null, isBusy: false });
  }

  again() {
    if (this.isOver || this.timer !== null || this.isBusy) {
      this.isWanted = this.isBusy;
      return;
    }
    const pause = Math.max(0, this.at + this.every - Date.now());
    this.timer = setTimeout(() => this.now(), pause);
  }

  async now() {
    this.timer = null;
    this.isBusy = true;
    this.isWanted = false;
    try {
      const value = await this.look();
      Object.assign(this, { value, error: null });
    } catch (error) {
      this.error = error;
    }
    Object.assign(this, { at: Date.now(), isBusy: false });
    if (this.isOver) return;
    this.onNews();
    if (this.isWanted) this.again();
  }

  end() {
    this.isOver = true;
    clearTimeout(this.timer);
  }
}

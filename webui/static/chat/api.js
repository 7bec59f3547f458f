// Requests to the chat's server with the customer's proof: a token where there is one, else the page's cookies.

export function createRequest({ token }) {
  // `body`: an object is sent as JSON, a FormData or Blob as it is.
  return function request(url, { method = "GET", body, headers = {}, signal } = {}) {
    const isPlain = body !== undefined && Object.getPrototypeOf(body) === Object.prototype;
    const all = { ...headers };
    if (isPlain) all["Content-Type"] = "application/json";
    if (token) all.Authorization = `Bearer ${token}`;
    else if (method !== "GET") all["X-CSRFToken"] = cookie("csrftoken");
    return fetch(url, {
      method,
      headers: all,
      body: isPlain ? JSON.stringify(body) : body,
      signal,
      credentials: token ? "omit" : "same-origin",
      cache: "no-store",
    });
  };
}

function cookie(name) {
  const all = document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return all ? decodeURIComponent(all.slice(name.length + 1)) : "";
}

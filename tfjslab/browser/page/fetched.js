/** The response of an address; an error that says what was found where it is none. */
export async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: found HTTP ${response.status}, expected 200`);
  return response;
}

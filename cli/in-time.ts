/** What a question came to; undefined if it failed or was not answered in time. It goes on nevertheless. */
export async function inTime<Answer>(question: Promise<Answer>, timeoutMs: number): Promise<Answer | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), timeoutMs);
  });
  try {
    return await Promise.race([question, late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

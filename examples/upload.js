// The `save` callback of a storage provider (`dataProviders.attachment`, `dataProviders.recorder.storage`) for files of any
// size: they go from the browser to S3, past the limits of API Gateway and Lambda. A large file goes in parts, several at a
// time. Each part is tried again, with fresh URLs where the old ones have expired, and an upload that was interrupted, by a
// lost connection or a reload of the page, goes on where it was when the same file is saved again within a day.

/** How many parts are under way at once. */
const PARALLEL = 4;
/** How often a part or a call is tried. */
const ATTEMPTS = 5;
/** Where the ids of uploads in parts are kept until they are finished. */
const STORE = 'velt-uploads';

/**
 * @param {string} base       the API's operations, as https://api.example.com/api/velt
 * @param {'attachments' | 'recordings'} storage  which of the two providers this is
 * @param {object} request    Velt's SaveAttachmentResolverRequest
 * @param {object} [options]  headers: those of your other providers, or the async function that resolves them, which is asked
 *                            again for each call; credentials: as of fetch; onProgress: called with 0 to 1; signal: an
 *                            AbortSignal, which ends the upload
 */
export async function saveFile(base, storage, request, { headers = {}, credentials, onProgress = () => {}, signal } = {}) {
  const { attachment: { file, ...attachment }, metadata, event } = request;
  attachment.name ??= file.name;
  attachment.mimeType ||= file.type || 'application/octet-stream';
  const upload = { attachment, metadata, event, storage, size: file.size };
  const call = (operation) => retried(signal, async () => {
    const response = await fetch(`${base}/uploads/${operation}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(typeof headers === 'function' ? await headers() : headers) },
      credentials,
      body: JSON.stringify(upload),
      signal,
    });
    const answer = await response.json();
    if (!answer.success) throw Object.assign(new Error(answer.message), { status: response.status });
    return answer;
  });

  // What the same file is known by after a reload.
  const name = JSON.stringify([base, storage, metadata, attachment, file.size, file.lastModified]);
  upload.uploadId = remembered()[name];
  let start;
  try {
    start = (await call('start')).data;
  } catch (error) {
    // The upload that was remembered is over.
    if (!upload.uploadId || error.status !== 400) throw error;
    remember(name, undefined);
    delete upload.uploadId;
    start = (await call('start')).data;
  }
  if (start.method === 'POST') {
    await retried(signal, () => {
      const form = new FormData();
      for (const [field, value] of Object.entries(start.fields)) form.append(field, value);
      form.append('file', file); // S3 ignores what follows the file.
      return send('POST', start.url, form, (sent) => onProgress(Math.min(1, sent / (file.size || 1))), signal);
    });
  } else {
    upload.uploadId = start.uploadId;
    remember(name, start.uploadId);
    await putParts(file, start, async () => (await call('start')).data, onProgress, signal);
  }
  onProgress(1);
  try {
    return await call('finish'); // What Velt expects of `save`: { data: { url }, success, statusCode }.
  } finally {
    // It is finished, or refused and over; what only failed begins again.
    remember(name, undefined);
  }
}

/**
 * Joins a recording that was uploaded in chunks (`uploadChunks`): only together do chunks play, as the first alone has the
 * header. Its answer can be played by `URL.createObjectURL`, or saved as one file with `saveFile`.
 *
 * @param {Record<string, string> | string[]} chunkUrls  those of the recording, by their order
 * @param {string} [type]  the recorder's type, as video/webm
 */
export async function joinChunks(chunkUrls, type = 'video/webm') {
  const order = Object.keys(chunkUrls).sort((a, b) => Number(a) - Number(b));
  const chunks = await Promise.all(order.map(async (index) => {
    const response = await fetch(chunkUrls[index]);
    if (!response.ok) throw new Error(`chunk ${index}: ${response.status}`);
    return response.blob();
  }));
  return new Blob(chunks, { type });
}

async function putParts(file, start, renew, onProgress, signal) {
  const { partSize } = start;
  const bytes = (number) => Math.min(partSize, file.size - (number - 1) * partSize);
  let { urls } = start;
  let renewing;
  const sent = new Map(start.uploaded.map((number) => [number, bytes(number)]));
  const waiting = urls.map((_, index) => index + 1).filter((number) => !sent.has(number));
  const progress = (number, part) => {
    sent.set(number, Math.min(part, bytes(number)));
    onProgress([...sent.values()].reduce((sum, part) => sum + part, 0) / file.size);
  };
  const ended = new AbortController(); // One part that can't be sent ends the others.
  const either = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
  const worker = async () => {
    for (let number = waiting.shift(); number; number = waiting.shift()) {
      const part = file.slice((number - 1) * partSize, number * partSize);
      await retried(either, async () => {
        try {
          await send('PUT', urls[number - 1], part, (done) => progress(number, done), either);
        } catch (error) {
          if (error.status !== 403) throw error;
          // Expired: all parts share one call for fresh URLs.
          renewing ??= renew().finally(() => { renewing = undefined; });
          ({ urls } = await renewing);
          throw new Error('the URL of a part expired');
        }
      });
      progress(number, bytes(number));
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(PARALLEL, waiting.length) }, worker));
  } catch (error) {
    ended.abort(error);
    throw error;
  }
}

/** Tries again what may pass: a lost connection, a busy server. */
async function retried(signal, attempt) {
  for (let tried = 1; ; tried += 1) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      signal?.throwIfAborted();
      const passes = error.status === undefined || error.status === 429 || error.status >= 500;
      if (tried === ATTEMPTS || !passes) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** tried * (0.5 + Math.random() / 2)));
    }
  }
}

// fetch can't tell how much it has sent.
function send(method, url, body, onSent, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.open(method, url);
    request.upload.onprogress = ({ loaded }) => onSent(loaded);
    request.onload = () => (request.status < 300 ? resolve() : reject(Object.assign(new Error(`S3 answered ${request.status}`), { status: request.status })));
    request.onerror = () => reject(new Error('S3 could not be reached'));
    request.onabort = () => reject(signal.reason);
    request.onloadend = () => signal?.removeEventListener('abort', abort);
    signal?.addEventListener('abort', abort);
    request.send(body);
  });
}

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(STORE)) ?? {};
  } catch {
    return {}; // Where a page may store nothing, a reload begins again.
  }
}

function remember(name, uploadId) {
  const uploads = remembered();
  uploads[name] = uploadId;
  try {
    localStorage.setItem(STORE, JSON.stringify(uploads));
  } catch {
    // As above.
  }
}

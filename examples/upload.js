// The `save` callback of a storage provider (`dataProviders.attachment`, `dataProviders.recorder.storage`) for files of any
// size: they go from the browser to S3, past the limits of API Gateway and Lambda.

/**
 * @param {string} base       the API's operations, as https://api.example.com/api/velt
 * @param {'attachments' | 'recordings'} storage  which of the two providers this is
 * @param {object} request    Velt's SaveAttachmentResolverRequest
 * @param {object} [options]  headers: those of your other providers, or the async function that resolves them, which is asked
 *                            again after a long upload; credentials: as of fetch; onProgress: called with 0 to 1
 */
export async function saveFile(base, storage, request, { headers = {}, credentials, onProgress = () => {} } = {}) {
  const { attachment: { file, ...attachment }, metadata, event } = request;
  attachment.name ??= file.name;
  attachment.mimeType ||= file.type || 'application/octet-stream';
  const upload = { attachment, metadata, event, storage, size: file.size };
  const call = async (operation) => {
    const response = await fetch(`${base}/uploads/${operation}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(typeof headers === 'function' ? await headers() : headers) },
      credentials,
      body: JSON.stringify(upload),
    });
    const answer = await response.json();
    if (!answer.success) throw new Error(answer.message);
    return answer;
  };

  const { data: start } = await call('start');
  if (start.method === 'POST') {
    const form = new FormData();
    for (const [name, value] of Object.entries(start.fields)) form.append(name, value);
    form.append('file', file); // S3 ignores what follows the file.
    await send('POST', start.url, form, onProgress);
  } else {
    upload.uploadId = start.uploadId;
    for (const [index, url] of start.urls.entries()) {
      const part = file.slice(index * start.partSize, (index + 1) * start.partSize);
      await send('PUT', url, part, (done) => onProgress((index + done) / start.urls.length));
    }
  }
  return call('finish'); // What Velt expects of `save`: { data: { url }, success, statusCode }.
}

// fetch can't tell how much it has sent.
function send(method, url, body, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded / total);
    request.onload = () => (request.status < 300 ? resolve() : reject(new Error(`S3 answered ${request.status}`)));
    request.onerror = () => reject(new Error('S3 could not be reached'));
    request.send(body);
  });
}

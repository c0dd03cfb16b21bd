// An agent that comments on a document: first in our store, then at Velt, where the comment has no text.
//
//   node agent.mjs < finding.json
//
// It needs Node 18 or later and no packages. The environment names the stack (BASE_URL, AWS_REGION), the credentials of a role
// that may call /backend/velt/* (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), and Velt's (VELT_API_KEY,
// VELT_AUTH_TOKEN). VELT_API_URL is for tests.

import { createHash, createHmac } from 'node:crypto';
import { pathToFileURL } from 'node:url';

const { env } = process;

/** Attempts of one call, and the wait before the second, in milliseconds; it doubles. */
const ATTEMPTS = 4;
const FIRST_WAIT = 250;

/**
 * Comments on a document.
 *
 * @param {{
 *   organizationId: string, documentId: string,
 *   findingId: string,   // your own: the same finding is the same comment, however often it is posted
 *   text: string, html?: string,
 *   agent: { agentId: string, agentName: string, executionId?: string, url?: string,
 *            reason: { title: string, description: string, severity: string } },
 *   targetElement?: object, location?: object   // where Velt shows it; see Velt's reference
 * }} finding
 * @returns {Promise<{ annotationId: string, commentId: number }>}
 */
export async function comment(finding) {
  const { organizationId, documentId, text, html, targetElement, location } = finding;
  const ids = identify(finding);
  const agent = { agentSource: 'external', ...finding.agent };
  const from = { userId: agent.agentId };
  const scope = { organizationId, documentId };

  // First our store. Pages ask it for the text as soon as Velt tells them of the comment.
  await backend('comments/save', {
    event: 'comment_annotation.add',
    commentId: ids.commentId,
    metadata: scope,
    commentAnnotation: {
      [ids.annotationId]: {
        annotationId: ids.annotationId,
        metadata: scope,
        from,
        comments: { [ids.commentId]: { commentId: ids.commentId, commentText: text, commentHtml: html ?? text, from, agent } },
      },
    },
  });

  // Then Velt, without the text. Velt requires a reason and stores it, so what it says stays with us.
  const atVelt = {
    commentId: ids.commentId,
    isCommentResolverUsed: true,
    isCommentTextAvailable: true,
    from,
    agent: { ...agent, reason: { title: 'Finding', description: 'See the comment', severity: agent.reason.severity } },
  };
  try {
    await velt('commentannotations/add', {
      ...scope,
      commentAnnotations: [{ annotationId: ids.annotationId, type: 'suggestion', targetElement, location, commentData: [atVelt] }],
    });
  } catch (error) {
    // Nobody will ever see this thread. If the call may have succeeded, the thread stays: run the agent again.
    if (error.isFinal) await backend('comments/delete', { commentAnnotationId: ids.annotationId, metadata: scope });
    throw error;
  }
  return ids;
}

/** The same ids for the same finding, so that a repeated run changes nothing. Velt's ids of comments are numbers. */
function identify({ organizationId, documentId, agent, findingId }) {
  const digest = sha256(JSON.stringify([organizationId, documentId, agent.agentId, findingId]));
  return { annotationId: `agent-${digest.slice(0, 24)}`, commentId: parseInt(digest.slice(24, 36), 16) };
}

/** Calls an operation of the stack as the app's backend. */
async function backend(operation, request) {
  const url = new URL(`/backend/velt/${operation}`, env.BASE_URL);
  const body = JSON.stringify(request);
  const answer = await post(url, body, () => signed(url, body));
  if (!answer.success) throw failure(`${operation}: ${answer.message}`, { isFinal: true });
  return answer.data;
}

/** Calls Velt's REST API. */
async function velt(path, data) {
  const headers = { 'content-type': 'application/json', 'x-velt-api-key': env.VELT_API_KEY, 'x-velt-auth-token': env.VELT_AUTH_TOKEN };
  const url = new URL(`/v2/${path}`, env.VELT_API_URL ?? 'https://api.velt.dev');
  const { result, error } = await post(url, JSON.stringify({ data }), () => headers);
  if (result?.status !== 'success') throw failure(`Velt: ${error?.message ?? 'no result'}`, { isFinal: true });
  return result.data;
}

/** Posts JSON, again after a failure that may pass: both ends take the same request twice without harm. */
async function post(url, body, headers) {
  for (let attempt = 1; ; attempt += 1) {
    let why;
    try {
      const response = await fetch(url, { method: 'POST', headers: headers(), body });
      if (response.status !== 429 && response.status < 500) return await response.json();
      why = `answers ${response.status}`;
    } catch (error) {
      why = `does not answer: ${error.message}`;
    }
    if (attempt === ATTEMPTS) throw failure(`${url.host} ${why}`, { isFinal: false });
    await new Promise((resolve) => setTimeout(resolve, FIRST_WAIT * 2 ** (attempt - 1)));
  }
}

/** An error; final where the other side refused the request, and so has done nothing. */
function failure(message, { isFinal }) {
  return Object.assign(new Error(message), { isFinal });
}

/** The headers of a request that IAM knows the caller by: Signature Version 4, for API Gateway. */
function signed(url, body) {
  const time = new Date().toISOString().replace(/[:-]|\.\d{3}/g, '');
  const headers = { 'content-type': 'application/json', host: url.host, 'x-amz-date': time };
  if (env.AWS_SESSION_TOKEN) headers['x-amz-security-token'] = env.AWS_SESSION_TOKEN;
  const names = Object.keys(headers).join(';'); // They are in order.
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const request = ['POST', url.pathname, '', lines.join(''), names, sha256(body)].join('\n');
  const scope = [time.slice(0, 8), env.AWS_REGION, 'execute-api', 'aws4_request'];
  const key = scope.reduce((secret, part) => hmac(secret, part), `AWS4${env.AWS_SECRET_ACCESS_KEY}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope.join('/'), sha256(request)].join('\n')).toString('hex');
  const credential = `${env.AWS_ACCESS_KEY_ID}/${scope.join('/')}`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`;
  const { host, ...sent } = headers; // fetch sends that one itself.
  return { ...sent, authorization };
}

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  let text = '';
  for await (const piece of process.stdin) text += piece;
  console.log(JSON.stringify(await comment(JSON.parse(text))));
}

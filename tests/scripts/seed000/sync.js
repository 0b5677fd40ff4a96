// Finds the open bugs that have no ticket yet, and makes one for each. What a run has done, a later one does not repeat.
const RETRYABLE = /429|503|timed out/;
const { repo, project } = input;
session.done ??= {};

async function withRetries(call, most = 3, pause = 10) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (attempt === most || !RETRYABLE.test(error.message)) throw error;
      await sleep(pause * 2 ** attempt);
    }
  }
}

async function sync(number) {
  const [issue, existing] = await Promise.all([
    github.get_issue({ repo, number }),
    jira.search_issues({ project, text: `[#${number}]` }),
  ]);
  if (existing.tickets.length) return { number, ticket: existing.tickets[0].key, made: false };
  const summary = `[#${number}] ${issue.title}`;
  const make = () => jira.create_issue({ project, summary, type: "Bug", description: issue.body });
  return { number, ticket: (await withRetries(make)).key, made: true };
}

const completed = [], errors = [];
for (const { number } of (await github.list_issues({ repo, state: "open", label: "bug" })).issues) {
  if (number in session.done) continue;
  try {
    const step = await sync(number);
    session.done[number] = step.ticket;
    completed.push(step);
  } catch (error) {
    errors.push({ step: `sync #${number}`, message: error.message });
  }
}

({ completed, errors, partial: errors.length > 0 });

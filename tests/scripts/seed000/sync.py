"""Finds the open bugs that have no ticket yet, and makes one for each. What a run has done, a later one does not repeat."""

import asyncio

RETRYABLE = ("429", "503", "timed out")
repo, project = input["repo"], input["project"]
done = session.setdefault("done", {})


async def with_retries(call, most=3, pause=0.01):
    for attempt in range(most + 1):
        try:
            return await call()
        except ToolError as error:
            if attempt == most or not any(word in error.message for word in RETRYABLE):
                raise
            await sleep(pause * 2**attempt)


async def sync(number):
    issue, existing = await asyncio.gather(
        github.get_issue(repo=repo, number=number), jira.search_issues(project=project, text=f"[#{number}]")
    )
    if existing["tickets"]:
        return {"number": number, "ticket": existing["tickets"][0]["key"], "made": False}
    summary = f"[#{number}] {issue['title']}"
    make = lambda: jira.create_issue(project=project, summary=summary, type="Bug", description=issue["body"])
    return {"number": number, "ticket": (await with_retries(make))["key"], "made": True}


listed = await github.list_issues(repo=repo, state="open", label="bug")
steps, errors = [], []
for issue in listed["issues"]:
    number = issue["number"]
    if str(number) in done:
        continue
    try:
        step = await sync(number)
        done[str(number)] = step["ticket"]
        steps.append(step)
    except ToolError as error:
        errors.append({"step": f"sync #{number}", "message": error.message})

{"completed": steps, "errors": errors, "partial": bool(errors)}

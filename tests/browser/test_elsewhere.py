"""A page of another origin, in a real browser on this machine, tries all that pages can try."""

from playwright.sync_api import Browser

from tests.browser.site import Site
from tests.support.web import saying, serving

TRIES = """async (origin) => {
    const address = origin + "/api/v1/status";
    const said = {};
    const ask = (name, options) => fetch(address, options).then(
        async answer => { said[name] = answer.type + " " + answer.status + " " + (await answer.text()); },
        () => { said[name] = "refused"; });
    await ask("read", {});
    await ask("read with a preflight", {headers: {"X-Asks": "1"}});
    await ask("read blindly", {mode: "no-cors"});
    await ask("post blindly", {mode: "no-cors", method: "POST", body: "a=1"});
    said.script = await new Promise(done => {
        const script = document.createElement("script");
        script.onload = () => done("ran");
        script.onerror = () => done("refused");
        script.src = origin + "/static/htmx.min.js";
        document.head.append(script);
    });
    return said;
}"""
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\nConnection: close\r\n\r\n<p>Elsewhere</p>"


def test_a_page_of_another_origin_gets_nothing(browser: Browser, site: Site) -> None:
    """Not by a request, a blind one, a post, a script tag, a frame or a form; and nothing was let in on the way."""
    context = browser.new_context()
    statuses: list[int] = []
    try:
        with serving(saying(PAGE)) as elsewhere:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{elsewhere}/")
            page.on(
                "response",
                lambda answer: statuses.append(answer.status) if answer.url.startswith(site.origin) else None,
            )
            said = page.evaluate(TRIES, site.origin)
            assert set(said.values()) == {"refused"}, said
            frame = page.evaluate_handle("document.body.appendChild(document.createElement('iframe'))")
            page.evaluate("([frame, to]) => { frame.src = to; }", [frame, site.origin + "/"])
            with page.expect_navigation(url=site.origin + "/**"):
                page.evaluate(
                    """to => {
                        const form = document.createElement("form");
                        form.method = "post"; form.action = to + "/boxes";
                        document.body.append(form); form.submit();
                    }""",
                    site.origin,
                )
            assert "a page from elsewhere may not ask" in page.inner_text("body")
            assert statuses
            assert set(statuses) == {403}
    finally:
        context.close()

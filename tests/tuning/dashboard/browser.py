"""A real Chromium without a window, looking at TensorBoard's pages."""

import contextlib
import shutil
import time

from selenium import webdriver
from selenium.common.exceptions import WebDriverException

PROGRAMS = ("chromium", "chromedriver")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--disable-dev-shm-usage",
)
EVERYWHERE = """
const found = [];
const walk = (node) => {
  if (node.nodeType === Node.ELEMENT_NODE && node.matches(arguments[0])) found.push(node);
  if (node.shadowRoot) walk(node.shadowRoot);
  node.childNodes.forEach(walk);
};
walk(arguments[1] || document);
return found;
"""

NUMBERS = "return arguments[0].map((each) => each.querySelectorAll(arguments[1]).length);"


def missing():
    """The programs that are not installed; Debian has them in chromium and chromium-driver."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


class Browser:
    """A browser that finds elements in TensorBoard's shadow roots too.

    Args:
        width: Of the page, in pixels.
        height: Of the page, in pixels.
    """

    def __init__(self, width=1500, height=1100):
        chromium, driver = map(shutil.which, PROGRAMS)
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in (*FLAGS, f"--window-size={width},{height}"):
            options.add_argument(flag)
        service = webdriver.ChromeService(driver)  # named, so that selenium downloads none
        self.driver = webdriver.Chrome(options, service)

    def close(self):
        """Ends it."""
        self.driver.quit()

    def open(self, link):
        """Opens a link as if it were pasted into a new tab."""
        self.driver.get("about:blank")  # else only what follows the # would change
        self.driver.get(link)

    def all(self, selector, within=None):
        """The elements that a CSS selector matches, in whatever shadow root."""
        return self.driver.execute_script(EVERYWHERE, selector, within)

    def numbers_within(self, elements, selector):
        """How many elements match within each of these; within none there is a shadow root."""
        return self.driver.execute_script(NUMBERS, elements, selector)

    def wait_for(self, ready, what):
        """The first true answer of `ready()`; pages are drawn by and by."""
        for _ in range(300):
            with contextlib.suppress(WebDriverException):  # what was found is drawn anew
                if answer := ready():
                    return answer
            time.sleep(0.1)
        raise AssertionError(f"the page did not show within half a minute: {what}")

    def choose(self, tab):
        """Clicks a tab of the HParams page, such as `"SCATTER PLOT MATRIX VIEW"`."""

        def tabs():
            return [each for each in self.all("paper-tab") if each.text == tab]

        self.wait_for(tabs, tab)[0].click()

    def allow_rows(self, number):
        """Sets how many rows the HParams page shows, at the foot of its left pane."""

        def field():
            panes = self.all("paper-input[label^='Max #']")
            return panes and self.all("input", panes[0])

        (field,) = self.wait_for(field, "the number of rows")
        field.clear()
        field.send_keys(f"{number}\n")

    def drawn(self, selector):
        """How many elements match and are to be seen."""
        return sum(each.is_displayed() for each in self.all(selector))

    def picture(self, path):
        """Writes what is seen as PNG."""
        self.driver.save_screenshot(str(path))

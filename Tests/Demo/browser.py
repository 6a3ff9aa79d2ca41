"""Signs in to the demo as a person would: headless Chromium."""
import os

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait


def check(address, screenshot):
    driver = start()
    try:
        wait = WebDriverWait(driver, 20)
        driver.get(f"{address}report?from=1&to=2")
        wait.until(lambda d: d.find_elements(By.NAME, "username"))
        driver.find_element(By.NAME, "username").send_keys("alice")
        driver.find_element(By.NAME, "password").send_keys("alice-password")
        driver.find_element(By.CSS_SELECTOR, "[type=submit]").click()
        wait.until(lambda d: d.find_elements(By.ID, "user"))
        expect(driver.find_element(By.ID, "user").text, "alice")
        expect(driver.current_url, f"{address}report?from=1&to=2")
        assert "admins,staff" in driver.page_source, "the page was not told alice's groups"
        driver.save_screenshot(screenshot)
        driver.get(f"{address}admin/")
        expect(driver.find_element(By.ID, "user").text, "alice")
        driver.find_element(By.ID, "sign-out").click()
        wait.until(lambda d: d.title == "You are signed out")
        driver.get(address)
        wait.until(lambda d: d.find_elements(By.NAME, "username"))
        print(f"demo: alice signed in, saw the page, signed out and was asked again; {screenshot}")
    finally:
        driver.quit()


def start(*more):
    """The browser; `more` are arguments of it, and the last of a kind counts."""
    options = Options()
    options.accept_insecure_certs = True
    for argument in ("--headless=new", "--disable-dev-shm-usage", "--window-size=1000,700", "--lang=en", *more):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


def expect(found, wanted):
    assert found == wanted, f"{found!r} instead of {wanted!r}"

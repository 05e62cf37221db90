// Says that the gateway does not answer, while the stream of the page is not open. All else is htmx.
"use strict";
(function () {
  let timer = 0;
  function lost() {
    if (!timer) timer = setTimeout(function () { document.getElementById("lost").hidden = false; }, 4000);
  }
  function back() {
    clearTimeout(timer);
    timer = 0;
    const notice = document.getElementById("lost");
    if (notice) notice.hidden = true;
  }
  document.addEventListener("htmx:sseError", lost);
  document.addEventListener("htmx:sseOpen", back);
  document.addEventListener("htmx:sseMessage", back);
})();

// Stands behind Prism, which knows one backend, and hands each request to the sandbox that its
// header `x-sandbox` names. Prism corrupts chunked bodies, so a length is always sent.
import http from "node:http";

const agent = new http.Agent({ keepAlive: true });

http
  .createServer((request, response) => {
    const target = request.headers["x-sandbox"];
    if (!target) {
      response.writeHead(200).end();
      return;
    }
    const headers = { ...request.headers };
    delete headers["x-sandbox"];
    delete headers.host;
    const options = { method: request.method, headers, agent };
    const onward = http.request(target + request.url, options, (answer) => {
      // Prism takes a 501 as a wish for a made-up answer. The hop in front of it puts this back.
      const headers = { ...answer.headers, "x-status": answer.statusCode };
      response.writeHead(answer.statusCode === 501 ? 500 : answer.statusCode, headers);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  })
  .listen(Number(process.argv[2]), "127.0.0.1");

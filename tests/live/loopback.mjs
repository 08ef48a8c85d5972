// Loaded before the built server, which on its own listens on every interface and outlives whoever started it.
import net from 'node:net';

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, _host, ready) {
  return listen.call(this, port, '127.0.0.1', ready);
};

// The other end of standard input is held by the tests: it closes when they end, however they end.
process.stdin.on('end', () => process.exit(0)).resume();

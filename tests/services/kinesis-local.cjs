// Loaded before kinesis-local, which would listen on every interface: whatever listens on a port does so on 127.0.0.1.
'use strict';
const net = require('node:net');
const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function (first, ...rest) {
  const options = typeof first === 'object' && first !== null ? first : { port: first };
  if (options.port === undefined) return listen.call(this, first, ...rest);
  const ready = rest.find((argument) => typeof argument === 'function');
  return listen.call(this, { ...options, port: Number(options.port), host: '127.0.0.1' }, ready);
};

// For kinesis-local.sh: that program would listen on every interface and cannot be told otherwise. Whatever it listens on is loopback.
'use strict';
const net = require('node:net');
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  const callback = rest.find((one) => typeof one === 'function');
  const options = typeof first === 'object' && first !== null ? first : { port: Number(first) };
  if (options.port === undefined) return listen.call(this, first, ...rest);
  return listen.call(this, { ...options, host: '127.0.0.1' }, callback);
};

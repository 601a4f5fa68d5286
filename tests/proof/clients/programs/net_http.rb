# Ruby, Net::HTTP: one connection, started once. One behaviour a line on standard input, one line of JSON for each on standard output.
require "json"
require "net/http"
require "securerandom"

BASE, FOLDER = ARGV
ADDRESS = URI(BASE)
JSON_FIELDS = { "Content-Type" => "application/json" }.freeze
BYTES = { "Content-Type" => "application/octet-stream" }.freeze

def connection
  http = Net::HTTP.new(ADDRESS.host, ADDRESS.port, nil)
  http.continue_timeout = 1
  http
end

SHARED = connection.start

def content(name)
  File.binread(File.join(FOLDER, name))
end

def saw(reply)
  file = File.join(FOLDER, "body-#{SecureRandom.hex(8)}")
  File.binwrite(file, reply.body || "")
  { status: reply.code.to_i, file: file, length: reply["Content-Length"] || "", location: reply["Location"] || "" }
end

def get(path, fields = {})
  saw(SHARED.get(path, fields))
end

def post(path, body, fields)
  saw(SHARED.post(path, body, fields))
end

def documents
  request = Net::HTTP::Post.new("/api/v2.1/customer/individual/2001/documents")
  files = %w[file back].map { |name| [name, File.open(File.join(FOLDER, "#{name}.bin"), "rb")] }
  request.set_form([%w[documentType PASSPORT], *files], "multipart/form-data")
  [saw(SHARED.request(request))]
end

def chunked
  request = Net::HTTP::Post.new("/api/sink", BYTES.merge("Transfer-Encoding" => "chunked"))
  request.body_stream = File.open(File.join(FOLDER, "upload.bin"), "rb")
  [saw(SHARED.request(request))]
end

def parallel
  asking = (0...20).map { |number| Thread.new { saw(connection.start { |http| http.get("/api/echo/parallel-#{number}") }) } }
  asking.map(&:value)
end

BEHAVIOURS = {
  "get" => -> { [get("/api/bytes/100000")] },
  "streamed" => -> { [get("/api/bytes/100000?chunked")] },
  "json" => -> { [post("/api/echo/payments", content("payment.json"), JSON_FIELDS)] },
  "multipart" => -> { documents },
  "chunked" => -> { chunked },
  "expect" => -> { [post("/api/sink", content("upload.bin"), BYTES.merge("Expect" => "100-continue"))] },
  "keep-alive" => -> { Array.new(3) { get("/api/bytes/1000") } },
  "close" => -> { Array.new(2) { get("/api/bytes/1000", "Connection" => "close") } },
  "head" => -> { [saw(SHARED.head("/api/bytes/1000"))] },
  "gzip" => -> { [get("/api/gzip/100000")] },
  "no content" => -> { [get("/api/status/204"), get("/api/bytes/10")] },
  "revoked" => -> { [post("/api/echo/payments", content("payment.json"), JSON_FIELDS)] },
  "parallel" => -> { parallel },
  "redirect" => -> { [get("/api/moved")] },
}.freeze

$stdout.sync = true
$stdin.each_line do |line|
  puts JSON.generate(replies: BEHAVIOURS.fetch(line.strip).call)
rescue StandardError => e
  puts JSON.generate(error: e.inspect)
end
